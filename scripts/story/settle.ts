/** The text with ids and times that are the same in each run. */
export function settle(text: string): string {
  return text
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '6f1c2a9e-3b57-4f0d-8c21-5d0e7a94b316')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '2026-11-30T09:00:00.000Z');
}
