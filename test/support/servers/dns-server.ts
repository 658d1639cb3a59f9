/** A DNS server on loopback that answers what a test says, and counts what it was asked. */
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import type { ResolvedAddress } from '../../../src/net/connections/dispatcher.ts';

export type DnsServer = {
  /** IPv4 addresses that the next questions for any name are answered with. */
  answers: readonly string[];
  readonly questions: readonly string[];
  /** Resolves through this server; fits egress. */
  resolve(host: string): Promise<ResolvedAddress[]>;
  close(): Promise<void>;
};

export async function startDnsServer(): Promise<DnsServer> {
  const socket = createSocket('udp4');
  const questions: string[] = [];
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const resolver = new Resolver();
  resolver.setServers([`127.0.0.1:${socket.address().port}`]);
  const server: DnsServer = {
    answers: [],
    questions,
    async resolve(host) {
      return (await resolver.resolve4(host)).map((address) => ({ address, family: 4 }));
    },
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
  socket.on('message', (query, from) => {
    questions.push(nameIn(query));
    socket.send(answerTo(query, server.answers), from.port, from.address);
  });
  return server;
}

/** RFC 1035 §4.1: the question goes back as it came, followed by one A record for each address. */
function answerTo(query: Buffer, addresses: readonly string[]): Buffer {
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(0x8180, 2);
  header.writeUInt16BE(addresses.length, 6);
  header.writeUInt32BE(0, 8);
  const question = query.subarray(12, 12 + nameLength(query) + 4);
  // Pointer to the name of the question, type A, class IN, TTL 0, four bytes of address.
  const records = addresses.map((address) =>
    Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split('.').map(Number)]),
  );
  return Buffer.concat([header, question, ...records]);
}

function nameLength(query: Buffer): number {
  return query.indexOf(0, 12) - 12 + 1;
}

function nameIn(query: Buffer): string {
  const labels: string[] = [];
  for (let at = 12; query[at]; at += (query[at] ?? 0) + 1) {
    labels.push(query.toString('latin1', at + 1, at + 1 + (query[at] ?? 0)));
  }
  return labels.join('.');
}
