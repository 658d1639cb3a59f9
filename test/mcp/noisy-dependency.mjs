// biome-ignore-all lint/suspicious/noConsole: printing is what this file is for.
// Loaded into Keyward before anything else: behaves like a dependency that prints, in every way there is.
const untouched = console.log;
const print = () => {
  // Keyward takes the console over before it loads a dependency; until then there is none that could print.
  if (console.log === untouched) return;
  console.log('noise by log');
  console.info('noise by info');
  console.table([{ noise: 'by table' }]);
  console.error('noise by error');
};
setInterval(print, 1).unref();

process.once('SIGUSR2', () => {
  const write = () => {
    process.stdout.write('noise by write\n');
    process.stdout.write(Buffer.from('noise by buffer'), () => {});
  };
  setInterval(write, 5).unref();
});
