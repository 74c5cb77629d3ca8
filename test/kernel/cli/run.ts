/** `xdpgen ARGV` in this process: `main` with the real library, and streams that remember. */
import { type Io, processIo } from "../../../src/cli/io.ts";
import { main } from "../../../src/cli/main.ts";

export interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  /** What the streams say of themselves; default a pipe. */
  readonly terminal?: boolean;
  readonly columns?: number;
  readonly library?: Partial<Io["library"]>;
}

/** Runs `xdpgen ARGV` in this process. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { terminal = false, columns = 80, library = {} } = options;
  const written = { out: "", err: "" };
  const stream = (name: "out" | "err"): Io["out"] => ({
    write: (data) => void (written[name] += typeof data === "string" ? data : Buffer.from(data).toString("latin1")),
    isTerminal: terminal,
    columns,
  });
  const io = processIo();
  const status = await main(argv, {
    ...io,
    out: stream("out"),
    err: stream("err"),
    env: {},
    library: { ...io.library, ...library },
  });
  return { status, ...written };
}
