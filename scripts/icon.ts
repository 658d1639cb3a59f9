/**
 * Draws docs/assets/icon.png: a shield with a keyhole. Run it after a change here; the picture is committed.
 * Shapes are distance functions in a square from -1 to 1 (y down); an edge is one pixel soft.
 */
import { writeFile } from 'node:fs/promises';
import { crc32, deflateSync } from 'node:zlib';

type Colour = readonly [number, number, number];

const size = 512;
const night: Colour = [22, 27, 58];
const dusk: Colour = [58, 63, 145];
const mint: Colour = [126, 240, 200];
const sky: Colour = [92, 160, 255];

const mix = (a: Colour, b: Colour, t: number): Colour =>
  [0, 1, 2].map((i) => (a[i] ?? 0) + ((b[i] ?? 0) - (a[i] ?? 0)) * t) as unknown as Colour;

function roundedSquare(x: number, y: number, half: number, radius: number): number {
  const dx = Math.abs(x) - half + radius;
  const dy = Math.abs(y) - half + radius;
  return Math.hypot(Math.max(dx, 0), Math.max(dy, 0)) + Math.min(Math.max(dx, dy), 0) - radius;
}

/** A shield: two circles meet in its tip, a line closes its top, rounded by `grow`. */
function shield(x: number, y: number, grow: number): number {
  const side = Math.hypot(Math.abs(x) + 0.52, y + 0.28) - 1.06;
  const below = y < -0.28 ? Math.abs(x) - 0.54 : side;
  return Math.max(below, -y - 0.58) - grow;
}

function keyhole(x: number, y: number): number {
  const hole = Math.hypot(x, y + 0.16) - 0.15;
  const slot = Math.max(Math.abs(x) - 0.055 - 0.05 * (y + 0.1), -y - 0.16, y - 0.27);
  return Math.min(hole, slot);
}

const cover = (distance: number): number => Math.min(1, Math.max(0, 0.5 - (distance * size) / 2));

function pixel(px: number, py: number): readonly number[] {
  const x = ((px + 0.5) / size) * 2 - 1;
  const y = ((py + 0.5) / size) * 2 - 1;
  const ground = mix(dusk, night, (y + 1) / 2);
  const metal = mix(mint, sky, Math.min(1, Math.max(0, (x + y + 1) / 2)));
  const rim = cover(Math.abs(shield(x, y, 0.05)) - 0.035);
  const inside = cover(shield(x, y, -0.05)) * (1 - cover(keyhole(x, y)));
  const colour = mix(mix(ground, metal, inside), metal, rim * 0.9);
  return [...colour.map(Math.round), Math.round(255 * cover(roundedSquare(x, y, 0.98, 0.42)))];
}

const rows = Array.from({ length: size }, (_, y) => [0, ...Array.from({ length: size }, (_, x) => pixel(x, y)).flat()]);

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

const header = Buffer.alloc(13);
header.writeUInt32BE(size, 0);
header.writeUInt32BE(size, 4);
// Eight bits a channel, RGBA.
header.set([8, 6, 0, 0, 0], 8);
const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const image = deflateSync(Buffer.from(rows.flat()), { level: 9 });
const png = [signature, chunk('IHDR', header), chunk('IDAT', image), chunk('IEND', Buffer.alloc(0))];
await writeFile(new URL('../docs/assets/icon.png', import.meta.url), Buffer.concat(png));
