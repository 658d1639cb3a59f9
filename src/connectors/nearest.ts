import leven from 'leven';

/** Most ids that an error names. */
const most = 3;

/** Ids that somebody may have meant: near in spelling, or with the asked text in them; best first. */
export function nearestIds(asked: string, ids: Iterable<string>): string[] {
  const text = asked.toLowerCase().slice(0, 64);
  const limit = Math.max(2, Math.floor(text.length / 3));
  return Array.from(ids, (id) => ({ id, distance: id.includes(text) && text.length > 2 ? 0 : leven(text, id) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, most)
    .map(({ id }) => id);
}
