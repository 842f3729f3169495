import { gzipSync } from 'node:zlib'

/** The sources of `aurochs import SOURCE …` with the columns that it names; ids named anywhere in `text` occur in them. */
export function filesToImport(text: string): [path: string, content: string | Buffer][] {
  const named = (pattern: RegExp) => [...new Set([...text.matchAll(pattern)].map(([, id]) => id!))]
  const users = named(/(?:--user |\/recommend\/|\buser"?: ?|recommendations\()["']?([\w-]+)/g)
  const items = named(/(?:--item |\/similar\/|\bitem"?: ?|similar\()["']?([\w-]+)/g)
  return [...text.replaceAll('\\\n', ' ').matchAll(/^aurochs import '?([^'\s]+)'?(.*)$/gm)].map(
    ([, source, options]) => {
      const column = (option: string) => new RegExp(`--${option} (\\S+)`).exec(options!)?.[1]
      const rows = interactions(users, items)
      const columns = [column('user'), column('item'), column('time'), column('weight')]
      const line = (values: readonly (string | undefined)[]) => values.filter((_, at) => columns[at]).join(',')
      const csv = [line(columns), ...rows.map(line)].join('\n')
      return [source!.replace('*', 'sample'), source!.endsWith('.gz') ? gzipSync(csv) : csv]
    },
  )
}

/** Two tastes: who has one has most of its items. Those who are named come first, so that there is enough of them. */
function interactions(users: readonly string[], items: readonly string[]): string[][] {
  const user = (at: number) => users[at] ?? `user-${at}`
  const item = (at: number) => items[at] ?? `item-${at}`
  const rows: string[][] = []
  for (let at = 0; at < Math.max(60, 2 * users.length); at++) {
    for (let other = 0; other < Math.max(80, 2 * items.length); other++) {
      if (at % 2 !== other % 2 || (at + other) % 6 === 0) continue
      rows.push([user(at), item(other), new Date(Date.UTC(2026, 0, 1) + rows.length * 60_000).toISOString(), '1'])
    }
  }
  return rows
}
