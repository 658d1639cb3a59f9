declare module 'fs-native-extensions' {
  type Locks = {
    /** Takes a lock on the whole file; false while another open file holds one that this one can't be beside. */
    tryLock(fd: number, options: { readonly shared: boolean }): boolean;
    unlock(fd: number): void;
  };
  const locks: Locks;
  export default locks;
}
