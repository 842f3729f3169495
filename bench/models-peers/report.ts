/** What a model's bench is given: how to print, and how much to do. */
export interface Report {
  readonly json: boolean
  /** One measurement, as it is made. */
  print(line: object): void
}

export type Row = Readonly<Record<string, string | number | undefined>>

/** Prints rows below a title, with columns aligned: as JSON one object a row. Columns are those of the first row. */
export function printTable({ json }: Report, title: string, rows: readonly Row[]): void {
  if (json) {
    for (const row of rows) console.log(JSON.stringify({ table: title, ...row }))
    return
  }
  const columns = Object.keys(rows[0] ?? {})
  const cells = [columns, ...rows.map(row => columns.map(column => written(row[column])))]
  const widths = columns.map((_, at) => Math.max(...cells.map(line => line[at]!.length)))
  const lines = cells.map(line =>
    line
      .map((cell, at) => aligned(cell, widths[at]!, at))
      .join('  ')
      .trimEnd(),
  )
  console.log(`\n${title}\n  ${lines.join('\n  ')}\n`)
}

/** Names to the left, figures to the right. */
function aligned(cell: string, width: number, column: number): string {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width)
}

function written(value: string | number | undefined): string {
  if (value === undefined) return '–'
  if (typeof value === 'string' || Number.isInteger(value)) return String(value)
  if (!Number.isFinite(value)) return 'never'
  return String(Number(value.toPrecision(4)))
}
