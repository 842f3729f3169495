/** The first number after `last` that `taken` does not have. The protocol's numbers are of 32 bits. */
export function numberAfter(last: number, taken: { has(number: number): boolean }): number {
  let number = last
  do number = (number + 1) % 2 ** 32
  while (taken.has(number))
  return number
}
