import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { kindOf } from '../../../src/net/connections/addresses.ts';

const kinds: Readonly<Record<string, readonly string[]>> = {
  public: ['8.8.8.8', '1.1.1.1', '2606:4700::1111', '2a00:1450:4001:82a::200e', '64:ff9b::808:808'],
  local: [
    '127.0.0.1',
    '127.255.255.254',
    '10.0.0.1',
    '172.31.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '198.18.0.1',
    '::1',
    'fd00::1',
  ],
  denied: [
    ...['0.0.0.0', '169.254.169.254', '168.63.129.16', '192.0.0.192', '192.0.2.1', '198.51.100.1', '192.88.99.1'],
    ...['224.0.0.1', '240.0.0.1', '255.255.255.255', '::', 'fe80::1', 'fec0::1', 'ff02::1', '2001:db8::1', '100::1'],
    ...['::127.0.0.1', '::7f00:1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '::ffff:0:127.0.0.1', '64:ff9b::7f00:1'],
    ...['64:ff9b::a9fe:a9fe', '64:ff9b:1::808:808', '2002:7f00:1::', '2002:808:808::', '2001:0:7f00:1::', '4000::1'],
    ...['fe80::1%eth0', '2606:4700::1111%1', '', 'localhost', '127.1', '0x7f.0.0.1', '999.1.1.1'],
  ],
};

describe('addresses', () => {
  for (const [kind, addresses] of Object.entries(kinds)) {
    it.each(addresses)(`%j is ${kind}`, (address) => {
      expect(kindOf(address)).toBe(kind);
    });
  }

  it('an IPv4 address that is not public is not public in any IPv6 form either', () => {
    const notPublic = fc.ipV4().filter((address) => kindOf(address) !== 'public');
    fc.assert(
      fc.property(notPublic, (address) => {
        const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
        const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
        const forms = [`::ffff:${address}`, `::${address}`, `::${hex}`, `64:ff9b::${hex}`, `2002:${hex}::`];
        for (const form of forms) expect(kindOf(form), form).not.toBe('public');
      }),
    );
  });

  it('text that is no address is denied', () => {
    const text = fc.oneof(fc.string(), fc.domain(), fc.ipV4Extended(), fc.integer().map(String));
    fc.assert(fc.property(text, (one) => isIP(one) !== 0 || kindOf(one) === 'denied'));
  });
});
