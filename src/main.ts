/**
 * The entry. It loads nothing before it knows that this Node can run it: desktop programs bring, or find, old ones, and
 * those would end in a syntax error.
 */

export {};

/** As `engines` in package.json says. */
const [leastMajor, leastMinor] = [20, 19];
const { node } = process.versions;
const [major = 0, minor = 0] = node.split('.').map(Number);

if (major < leastMajor || (major === leastMajor && minor < leastMinor)) {
  process.stderr.write(
    `Keyward needs Node ${leastMajor}.${leastMinor} or newer, and this is Node ${node} at ${process.execPath}. ` +
      'Install a newer one from https://nodejs.org, or write the path of one that you have into the configuration that starts Keyward.\n',
  );
  process.exitCode = 1;
} else {
  void import('./cli/main.ts');
}
