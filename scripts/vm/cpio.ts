/** One entry of an archive: a folder has no bytes. Paths are relative and name their folders before their files. */
export type CpioEntry = { readonly path: string; readonly mode: number; readonly bytes?: Uint8Array };

const DIRECTORY = 0o040000;
const REGULAR = 0o100000;

/**
 * Writes a cpio archive in the `newc` form, which the kernel unpacks as its first root
 * (Documentation/driver-api/early-userspace/buffer-format.rst). Every owner is root and every time is 0, so that equal
 * input gives equal bytes.
 *
 *     "070701" ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check   (8 hex digits each)
 *     name NUL, padded to 4 | bytes, padded to 4 | ... | an entry named TRAILER!!!
 */
export function writeCpio(entries: readonly CpioEntry[]): Buffer {
  const parts: Buffer[] = [];
  const pad = (length: number): Buffer => Buffer.alloc((4 - (length % 4)) % 4);
  const put = (inode: number, path: string, mode: number, links: number, bytes: Uint8Array): void => {
    const name = Buffer.from(`${path}\0`);
    const fields = [inode, mode, 0, 0, links, 0, bytes.length, 0, 0, 0, 0, name.length, 0];
    const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`);
    parts.push(header, name, pad(header.length + name.length), Buffer.from(bytes), pad(bytes.length));
  };
  entries.forEach(({ path, mode, bytes }, index) => {
    if (bytes === undefined) put(index + 1, path, DIRECTORY | mode, 2, new Uint8Array());
    else put(index + 1, path, REGULAR | mode, 1, bytes);
  });
  put(0, "TRAILER!!!", 0, 1, new Uint8Array());
  return Buffer.concat(parts);
}
