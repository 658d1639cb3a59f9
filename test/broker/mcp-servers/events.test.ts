/** Events and messages of MCP servers: cut anywhere, they are what a client of the specification reads. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createEventReader, type ServerEvent, withData } from '../../../src/broker/mcp-servers/events.ts';
import { entriesOf, keepEntries, membersOf } from '../../../src/broker/mcp-servers/json-parts.ts';

const line = fc.oneof(
  fc.constantFrom(
    'data: a',
    'data:b',
    'data',
    'data:  c',
    ': comment',
    'id: 7',
    'event: message',
    'retry: 5',
    'other: x',
    'datax: y',
    '',
  ),
  fc.string({ unit: 'grapheme', maxLength: 8 }).map((text) => `data: ${text.replaceAll(/[\r\n]/g, '')}`),
);
const lineEnd = fc.constantFrom('\n', '\r', '\r\n');
const stream = fc
  .tuple(fc.boolean(), fc.array(fc.tuple(line, lineEnd), { maxLength: 30 }))
  .map(([mark, lines]) => Buffer.from(`${mark ? '\ufeff' : ''}${lines.map(([text, end]) => text + end).join('')}`));

/** The stream read in pieces of these sizes, again and again. */
function readIn(bytes: Uint8Array, sizes: readonly number[]): ServerEvent[] {
  const reader = createEventReader(10_000);
  const events: ServerEvent[] = [];
  for (let [at, turn] = [0, 0]; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? bytes.length;
    events.push(...reader.read(bytes.subarray(at, at + size)));
    at += size;
  }
  return [...events, ...reader.rest()];
}

/** The data of the events, as WHATWG HTML §9.2.6 has them; what has no end is read too. */
function dataIn(bytes: Uint8Array): string[] {
  const all: string[] = [];
  let data: string[] = [];
  const end = () => {
    if (data.length > 0) all.push(data.join('\n'));
    data = [];
  };
  for (const one of new TextDecoder().decode(bytes).split(/\r\n|\r|\n/)) {
    if (one === '') end();
    else if (one === 'data') data.push('');
    else if (one.startsWith('data:')) data.push(one.slice(one.startsWith('data: ') ? 6 : 5));
  }
  end();
  return all;
}

describe('events', () => {
  it('208. a stream that is cut at any byte gives the same events and the very same bytes', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(stream, sizes, (bytes, pieces) => {
        const events = readIn(bytes, pieces);
        expect(Buffer.concat(events.map((event) => event.bytes)).equals(bytes)).toBe(true);
        expect(events.flatMap(({ data }) => data ?? [])).toEqual(dataIn(bytes));
      }),
      { numRuns: 500 },
    );
  });

  it('are written with other data and all their other lines', () => {
    const [event] = readIn(Buffer.from('id: 1\r\n: note\r\ndata: {\r\ndata: }\r\nretry: 5\r\n\r\n'), [99]);
    if (!event) throw new Error('There is no event.');
    expect(event.data).toBe('{\n}');
    expect(Buffer.from(withData(event, '[1]')).toString()).toBe('id: 1\n: note\nretry: 5\ndata: [1]\n\n');
    expect(Buffer.from(withData(event, null)).toString()).toBe('id: 1\n: note\nretry: 5\n\n');
  });

  it('are bounded, also one without end', () => {
    const reader = createEventReader(100);
    expect(reader.read(Buffer.from(`data: ${'x'.repeat(90)}\n\n`))).toHaveLength(1);
    expect(() => reader.read(Buffer.from(`data: ${'x'.repeat(100)}`))).toThrow(/larger than 100 bytes/);
  });
});

describe('the parts of a JSON text', () => {
  it('are its members and entries, wherever white space, escapes and brackets stand', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), fc.constantFrom(0, 1, '\t'), (value, indent) => {
        const text = ` ${JSON.stringify(value, null, indent)}`;
        const at = (part: { start: number; end: number }) => JSON.parse(text.slice(part.start, part.end));
        if (Array.isArray(value)) {
          const entries = entriesOf(text);
          expect(entries.map(at)).toEqual(JSON.parse(text));
          const kept = entries.map((_, index) => index % 2 === 0);
          expect(JSON.parse(keepEntries(text, entries, kept))).toEqual(
            JSON.parse(text).filter((_: unknown, index: number) => kept[index]),
          );
        } else if (typeof value === 'object' && value !== null) {
          expect(Object.fromEntries(membersOf(text).map((member) => [member.name, at(member)]))).toEqual(
            JSON.parse(text),
          );
        } else expect([...membersOf(text), ...entriesOf(text)]).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});
