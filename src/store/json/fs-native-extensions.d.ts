declare module 'fs-native-extensions' {
  type Locks = {
    /** Takes an exclusive lock on the whole file; false while another open file holds it. */
    tryLock(fd: number): boolean;
    unlock(fd: number): void;
  };
  const locks: Locks;
  export default locks;
}
