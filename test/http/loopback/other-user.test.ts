/** Pages on loopback are for the programs of their own user: what Linux tells about the other end of a connection. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, expect, it } from 'vitest';
import { ends, isOtherUsers, isOtherUsersIn } from '../../../src/http/loopback/other-user.ts';

const here = ends('127.0.0.1', 45_761);
const there = ends('127.0.0.1', 51_000);
const heading = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const addresses = Object.values(networkInterfaces()).flatMap((of) => of?.map(({ address }) => address) ?? []);
/** The loopback addresses of this computer: some have no IPv6. */
const loopbacks = ['127.0.0.1', '::1'].filter((host) => addresses.includes(host));

const row = (local = '', remote = '', state: string, uid: number) =>
  `   3: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000  ${uid}        0 2922837 1 0000 20 4 30 10 -1`;
const own = row(here[0], there[0], '01', 1_000);
const told = (...rows: string[]) => isOtherUsersIn([heading, ...rows].join('\n'), here, there, 1_000);

describe('the other end of a connection on loopback', () => {
  it('is this user’s, or root’s, or another user’s', () => {
    expect(told(own, row(there[0], here[0], '01', 1_000))).toBe(false);
    expect(told(own, row(there[0], here[0], '01', 0))).toBe(false);
    expect(told(own, row(there[0], here[0], '01', 1_001))).toBe(true);
  });

  it('is another user’s when it was let go of after the request: then the table gives it to root, or has it no more', () => {
    for (const state of ['04', '05', '06']) expect(told(own, row(there[0], here[0], state, 0))).toBe(true);
    expect(told(own)).toBe(true);
  });

  it('is found by its own address and port, not by somebody’s like it', () => {
    const others = [ends('127.0.0.2', 51_000), ends('127.0.0.1', 51_001)].map(([end]) =>
      row(end, here[0], '01', 1_000),
    );
    expect(told(own, ...others, row(there[0], here[0], '01', 1_001))).toBe(true);
    expect(told(own, row(there[0], ends('127.0.0.1', 45_762)[0], '01', 1_000))).toBe(true);
  });

  it('is found when it speaks IPv4 by a socket of IPv6, and by IPv6', () => {
    expect(told(own, row(there[1], here[1], '01', 1_001))).toBe(true);
    expect(told(own, row(there[1], here[1], '01', 1_000))).toBe(false);
    expect(ends('::1', 443)).toEqual(['00000000000000000000000001000000:01BB']);
    expect(ends('::ffff:127.0.0.1', 443)).toEqual(ends('127.0.0.1', 443));
  });

  it('is not asked about where the table does not even have this end', () => {
    expect(told(row(there[0], here[0], '01', 1_001))).toBe(false);
    expect(isOtherUsersIn('', here, there, 1_000)).toBe(false);
  });

  it.each(loopbacks)('is this user’s in a connection of this process, at %s', async (host) => {
    const server = createServer().listen(0, host);
    await once(server, 'listening');
    const dialled = connect((server.address() as AddressInfo).port, host);
    const [socket] = (await once(server, 'connection')) as [Socket];
    expect(await isOtherUsers(socket)).toBe(false);
    dialled.destroy();
    server.close();
  });
});
