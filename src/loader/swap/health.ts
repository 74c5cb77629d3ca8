/** What the health command of a chain means for a swap: that it stays, or why not and what became of each interface. */
import { commandLineOf, type Health } from "../../chain/health.ts";
import { XdpgenError } from "../../errors.ts";
import { type HealthSubject, runHealth } from "./health-command.ts";
import type { Steps } from "./steps.ts";

/** What became of an interface when the swap did not stay. */
export interface Outcome {
  /** By the name that it has then. */
  readonly device: string;
  /** In a clause. */
  readonly now: string;
}

/** Of one, where it is the one that is not healthy, or of each by its name. */
function outcomesOf(outcomes: readonly Outcome[], failed: string): string {
  if (outcomes.length === 1 && outcomes[0]!.device === failed) return outcomes[0]!.now;
  return outcomes.map(({ device, now }) => `${device}: ${now}`).join("; ");
}

/** A swap must not stay. What is there instead is known once it was taken back. */
export class Unhealthy extends Error {
  /** @param outcomes of all interfaces that were put back, in their order */
  readonly explained: (outcomes: readonly Outcome[]) => XdpgenError;

  constructor(explained: (outcomes: readonly Outcome[]) => XdpgenError) {
    super("what is live now is not healthy");
    this.name = "Unhealthy";
    this.explained = explained;
  }

  /** The same, of a swap of which some were put back already. */
  after(earlier: readonly Outcome[]): Unhealthy {
    return new Unhealthy((outcomes) => this.explained([...earlier, ...outcomes]));
  }
}

/**
 * Runs the health command on what is live now.
 *
 * @param called the interface's name now: it may change while the command runs
 * @param steps gives the signal, which cancels it as long as it runs
 * @throws Unhealthy, which is explained as `health-failed` or `aborted`
 */
export async function requireHealth(
  health: Health,
  { chain, generation }: Omit<HealthSubject, "device">,
  called: () => string,
  { notice, signal }: Pick<Steps, "notice" | "signal">,
): Promise<void> {
  const device = called();
  const command = commandLineOf(health);
  notice(`generation ${generation} is live on ${device}; its health command \`${command}\` decides whether it stays`);
  const failure = await runHealth(health, { device, chain, generation }, signal);
  if (!failure) return;
  const cancelled = signal?.aborted === true;
  throw new Unhealthy((outcomes) => {
    const now = called();
    const back = outcomes.length === 0 ? "" : `; ${outcomesOf(outcomes, now)}`;
    if (cancelled) {
      const when = `while generation ${generation} of chain ${chain} was live on ${now} and its health command ran`;
      return new XdpgenError("aborted", `cancelled ${when}${back}`, { cause: signal?.reason });
    }
    const lines = failure.lines.map((line) => `\n    ${line}`);
    const wrote = lines.length > 0 ? `. It wrote last:${lines.join("")}` : "";
    const how = `\`${command}\` ${failure.reason}${back}${wrote}`;
    return new XdpgenError(
      "health-failed",
      `generation ${generation} of chain ${chain} on ${now} is not healthy: ${how}`,
    );
  });
}
