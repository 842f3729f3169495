/** @throws TypeError naming the option. */
export function positiveNumber(option: string, text: string): number {
  const value = Number(text)
  if (!(value > 0 && Number.isFinite(value))) throw new TypeError(`--${option} expects a number above 0, got ${text}`)
  return value
}

/** @throws TypeError naming the option. */
export function positiveInteger(option: string, text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) {
    throw new TypeError(`--${option} expects a whole number from 1, got ${text}`)
  }
  return value
}
