/** Prints one measurement a line: as JSON, or for people. */
export function printer(json: boolean): (line: object) => void {
  return line => console.log(json ? JSON.stringify(line) : sentence(line))
}

function sentence(line: object): string {
  return Object.entries(line)
    .map(([name, value]) => `${name} ${written(value)}`)
    .join(', ')
}

function written(value: unknown): string {
  if (typeof value === 'string') return value
  const rounded = (_: string, part: unknown) =>
    typeof part === 'number' && !Number.isInteger(part) ? Number(part.toPrecision(5)) : part
  return JSON.stringify(value, rounded)
}
