/** One line for each check, and totals. */

export type Report = {
  /** Notes a check: what is wrong, or nothing. */
  add(name: string, problems: readonly string[]): void;
  /** The last line. True when nothing was wrong. */
  end(): boolean;
};

export function createReport(write: (line: string) => void): Report {
  let passed = 0;
  let failed = 0;
  return {
    add(name, problems) {
      if (problems.length === 0) passed += 1;
      else failed += 1;
      write(`${problems.length === 0 ? 'passed' : 'FAILED'}  ${name}`);
      for (const problem of problems) write(`        ${problem}`);
    },
    end() {
      write(`\nchecks: ${passed} passed, ${failed} failed`);
      return failed === 0;
    },
  };
}
