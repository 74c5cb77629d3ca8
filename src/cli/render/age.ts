/** Times as people say them. */

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `42 s`, `5 min`, `2 h 5 min`, `3 days 4 h`. */
export function formatAge(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < MINUTE) return `${seconds} s`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min`;
  if (seconds < DAY) return joined(`${Math.floor(seconds / HOUR)} h`, Math.floor((seconds % HOUR) / MINUTE), "min");
  const days = Math.floor(seconds / DAY);
  return joined(`${days} day${days === 1 ? "" : "s"}`, Math.floor((seconds % DAY) / HOUR), "h");
}

/** `2026-11-22 19:12:03`, in the time zone of the reader. */
export function formatTime(date: Date): string {
  const two = (part: number): string => String(part).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":")}`;
}

function joined(large: string, small: number, unit: string): string {
  return small === 0 ? large : `${large} ${small} ${unit}`;
}
