/** What the guest is to run, and where. Paths are absolute and mean the same in the guest and on the host. */
export type Job = {
  readonly command: readonly string[];
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
};

/** Quotes one word for a POSIX shell. */
export const shellQuote = (word: string): string =>
  /^[A-Za-z0-9_./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;

/** The job as a shell script that becomes its command. */
export const jobScript = (job: Job): string =>
  [
    ...Object.entries(job.environment).map(([name, value]) => `export ${name}=${shellQuote(value)}`),
    `cd ${shellQuote(job.folder)} || exit 126`,
    `exec ${job.command.map(shellQuote).join(" ")}`,
    "",
  ].join("\n");
