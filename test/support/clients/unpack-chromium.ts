/** Before all browser tests: Chromium unpacks into one folder that every worker shares, so it is done once. */
import chromium from '@sparticuz/chromium';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    chromium: string;
  }
}

export default async function setup(project: TestProject): Promise<void> {
  project.provide('chromium', await chromium.executablePath());
}
