/** Jobs that harm the worker that they run on. */

export function exit(): never {
  process.exit(1)
}
