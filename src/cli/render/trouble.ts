/** What is wrong with an attachment and what mends it, a sentence each. */
import type { AttachmentStatus, Trouble } from "../../loader/index.ts";

/** Whether nothing is known of the chain but that it is there. */
export function isUnreadable({ troubles }: Pick<AttachmentStatus, "troubles">): boolean {
  return troubles.some(({ kind }) => kind === "unreadable");
}

/** The worst first: what packets notice. */
export function troubleTexts(attachment: AttachmentStatus): readonly string[] {
  const { defunct, moved, namespace, troubles } = attachment;
  return [
    ...(defunct ? [defunctText(attachment)] : []),
    ...troubles.map((trouble) => troubleText(trouble, attachment)),
    ...(moved && namespace.kind === "other"
      ? [
          "its interface was moved there from another network namespace: `xdpgen apply` and `xdpgen detach` there find it",
        ]
      : []),
  ];
}

function defunctText({ interface: device, namespace, ifindex }: AttachmentStatus): string {
  if (device !== undefined)
    return "NOT RUNNING: somebody detached the link or removed its pin, or another interface had this index; apply the chain again";
  const what =
    namespace.kind === "gone" ? "its network namespace is gone" : `the interface (index ${ifindex}) was removed`;
  return `NOT RUNNING: ${what}; the next \`xdpgen apply\` or \`xdpgen detach\` of any interface clears what is left`;
}

function troubleText(trouble: Trouble, { interface: device = "INTERFACE", pins, defunct }: AttachmentStatus): string {
  switch (trouble.kind) {
    case "unbound":
      return `NOT BOUND: ${trouble.program}: somebody removed its slot's pin, and packets run past it; apply the chain again`;
    case "foreign-program":
      return (
        `NOT RUNNING: program ${trouble.id} (${trouble.name}) of somebody else is on xdpgen's link: ` +
        `\`xdpgen apply --replace\` takes it off, \`xdpgen detach ${device}\` leaves the interface without one`
      );
    case "unreadable":
      return (
        `NOT READABLE: ${trouble.reason}; \`xdpgen detach ${device}\` takes it off, \`xdpgen apply --replace\` puts a chain in ` +
        "its place, and its maps are given up either way"
      );
    case "pin-removed":
      return trouble.what === "link"
        ? `the link has lost its pin ${trouble.pin}: the chain ends when the process that holds it does; apply the chain again`
        : `somebody removed the ${trouble.what}'s pin ${trouble.pin}: packets notice nothing; apply the chain again`;
    case "pin-replaced":
      return (
        `what is pinned at ${trouble.pin} is not map ${trouble.name} (id ${trouble.id}) of the chain that runs, and apply refuses: ` +
        `remove that pin, and apply pins the chain's own again; or \`xdpgen detach ${device}\`, and apply takes what is there`
      );
    case "pin-taken":
      return takenText(trouble, defunct);
    case "map-unpinned":
      return (
        `map ${trouble.name} (id ${trouble.id}) has no pin, and a swap that loads its program anew would start it empty: ` +
        `\`bpftool map pin id ${trouble.id} PATH\` keeps it, with the path that it had below ${pins ?? ""}/programs`
      );
    case "undecided":
      return (
        "UNDECIDED: its health command still runs, or xdpgen was killed before that ended, or could not go back; " +
        `\`xdpgen apply\` of the same chain asks it again, \`xdpgen rollback ${device}\` goes back`
      );
    case "set-aside":
      return (
        "an xdpgen that could not read it was killed while it replaced it, and its pins are set aside: packets notice nothing; " +
        "apply the chain again, which puts them back first"
      );
    case "pins-out-of-reach":
      return (
        "its pins are out of reach, in another bpffs: as long as that is mounted the chain runs; " +
        `\`xdpgen apply --replace\` takes ${device} over, \`xdpgen detach ${device}\` takes the chain off`
      );
  }
}

function takenText({ what, pin, id }: Extract<Trouble, { readonly kind: "pin-taken" }>, defunct: boolean): string {
  const called = what === "map" && id !== undefined ? `map ${id}` : `the ${what}`;
  const is = `what somebody put at ${pin} is not ${called} of the chain`;
  switch (what) {
    case "link": {
      const state = defunct ? "" : "the chain ends when the process that holds its link does; ";
      return `${is}: ${state}remove that, and apply the chain again`;
    }
    case "slot":
      return `${is}: packets run past its program; apply the chain again`;
    case "dispatcher":
      return `${is}: packets notice nothing; apply the chain again`;
    case "program":
      return `${is}: packets notice nothing; remove that, and apply the chain again`;
    case "map":
      return (
        `${is}, and a swap that loads its program anew is refused: remove that, and ` +
        `\`bpftool map pin id ${id ?? "ID"} ${pin}\` pins its own again`
      );
  }
}
