/** What tells one line or bar from another. */
export interface Look {
  readonly hue: "blue" | "orange" | "green" | "purple" | "black" | "ochre" | "grey" | "sky";
  readonly marker: "circle" | "square" | "triangle" | "diamond";
  /** As `stroke-dasharray`; its markers are hollow. Without one the line is solid, and its markers are full. */
  readonly dash?: string;
}

/** The marker at a place, as the elements of an SVG. */
export function drawMarker({ hue, marker, dash }: Look, x: number, y: number): string {
  const look = `class="marker ${dash === undefined ? "full" : "hollow"} ${hue}"`;
  switch (marker) {
    case "circle":
      return `<circle ${look} cx="${x}" cy="${y}" r="3.2"/>`;
    case "square":
      return `<path ${look} d="M${x - 3} ${y - 3}h6v6h-6z"/>`;
    case "triangle":
      return `<path ${look} d="M${x} ${y - 4}l4 7h-8z"/>`;
    case "diamond":
      return `<path ${look} d="M${x} ${y - 4.4}l4.4 4.4l-4.4 4.4l-4.4 -4.4z"/>`;
  }
}

export const dashOf = ({ dash }: Look): string => (dash === undefined ? "" : ` stroke-dasharray="${dash}"`);
