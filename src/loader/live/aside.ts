/** The pins of a dispatcher that cannot be read are set aside while it is replaced, and go or come back. */
import { existsSync, renameSync, rmdirSync } from "node:fs";
import type { Journal } from "./journal.ts";
import { removeTree } from "./pins.ts";
import { list } from "./store.ts";

export const asideDir = (dir: string): string => `${dir}/aside`;
const wholeMark = (dir: string): string => `${asideDir(dir)}/whole`;
/** Whether all is aside: before, the swap that sets it aside has pinned nothing. */
export const isAside = (dir: string): boolean => existsSync(wholeMark(dir));

/** Whether anything is. */
export const holdsAside = (dir: string): boolean => ownFolders(asideDir(dir)).length > 0;

/** Names of the folders of an attachment whose pins belong to its generations. */
const ownFolders = (dir: string): readonly string[] => list(dir).filter((name) => /^(gen-\d+|programs)$/.test(name));

/**
 * Makes room for a generation beside a dispatcher that cannot be read: that one needs all that is pinned for it as long as packets
 * meet it, and what would be pinned may have the same names.
 */
export function setAside(dir: string, journal: Journal): void {
  const aside = asideDir(dir);
  journal.move(
    ownFolders(dir).map((name) => `${dir}/${name}`),
    aside,
  );
  journal.makeDir(wholeMark(dir));
}

/** The mark goes last: without it what is aside is taken for what is still needed. */
export function removeAside(dir: string): void {
  const aside = asideDir(dir);
  for (const name of ownFolders(aside)) removeTree(`${aside}/${name}`);
  removeTree(aside);
}

/**
 * What was set aside goes back; a process that is killed in the middle of it leaves the rest to the next.
 * @param runs whether what packets meet is of it: then it goes before what is here under the same name
 */
export function restoreAside(dir: string, runs: boolean): void {
  const aside = asideDir(dir);
  if (isAside(dir)) {
    // All that is here is of the swap that set it aside.
    for (const name of ownFolders(dir)) removeTree(`${dir}/${name}`);
    rmdirSync(wholeMark(dir));
  }
  for (const name of ownFolders(aside)) {
    const [there, here] = [`${aside}/${name}`, `${dir}/${name}`];
    if (existsSync(here)) removeTree(runs ? here : there);
    if (existsSync(there)) renameSync(there, here);
  }
  removeTree(aside);
}
