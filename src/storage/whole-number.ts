/** @throws RangeError naming the option, unless `value` is a whole number from `least` on, or to `most` where that is given. */
export function assertWholeNumber(option: string, value: number, least: number, most?: number): void {
  if (Number.isInteger(value) && value >= least && value <= (most ?? value)) return
  throw new RangeError(
    `${option} must be a whole number from ${least} ${most === undefined ? 'on' : `to ${most}`}, got ${value}`,
  )
}
