/** Whether the number of built-in connectors slows a start. */
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { firstAnswer } from './cold-start.ts';
import { type Figure, median, milliseconds } from './figures.ts';
import { makeHome } from './vaults.ts';

const runs = 40;
const few = 10;
const many = 150;
const folder = 'artifacts/catalogue-size';

export async function catalogueSize(): Promise<Figure[]> {
  const home = await makeHome(10);
  try {
    const [small, large] = [await keywardWith(few), await keywardWith(many)];
    const times: { small: number[]; large: number[] } = { small: [], large: [] };
    for (let run = -1; run < runs; run += 1) {
      const [less, more] = [
        await firstAnswer([small, 'stdio'], home.env),
        await firstAnswer([large, 'stdio'], home.env),
      ];
      // The first round warms the file cache.
      if (run < 0) continue;
      times.small.push(less);
      times.large.push(more);
    }
    const [less, more] = [median(times.small), median(times.large)];
    return [
      {
        name: `cold start to the first list_credentials, ${many} connectors / ${few} connectors`,
        value: more / less,
        unit: 'x',
        goal: { is: '<=', than: 1.1 },
        from: `${milliseconds(more)} / ${milliseconds(less)}`,
      },
    ];
  } finally {
    await home.remove();
    await rm(folder, { recursive: true, force: true });
  }
}

/** A copy of what is built, with so many connectors: the first ones, and copies of them under other ids. */
async function keywardWith(count: number): Promise<string> {
  const copy = join(folder, String(count));
  await cp('dist', copy, { recursive: true });
  const catalogue = join(copy, 'catalogue');
  const definitions = await Promise.all(
    (await readdir(catalogue)).map((name) => readFile(join(catalogue, name), 'utf8')),
  );
  await rm(catalogue, { recursive: true });
  await mkdir(catalogue);
  for (let index = 0; index < count; index += 1) {
    const definition = JSON.parse(definitions[index % definitions.length] ?? '') as { id: string };
    const id = `${definition.id}-${index}`;
    await writeFile(join(catalogue, `${id}.json`), JSON.stringify({ ...definition, id }));
  }
  return join(copy, 'main.js');
}
