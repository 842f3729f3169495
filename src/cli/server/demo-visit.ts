import { Client } from '../../client/index.ts'
import { table } from '../terminal/table.ts'

interface SimilarAnswer {
  readonly items: readonly { readonly item: string | number; readonly score: number }[]
}

/**
 * Someone new comes to the server at `url`, takes to two items that are alike and then to another, and sees the list
 * change after each.
 */
export async function visit(url: string, say: (text: string) => void): Promise<void> {
  const client = new Client(url)
  try {
    say('A new visitor gets a list by popularity, then sends what they choose. (+ is new in the list)')
    const columns = await listsOf(client, url)
    say(table(columns[0].map((_, row) => columns.map(column => column[row] ?? ''))).trimEnd())
  } finally {
    client.close()
  }
}

/** A column for each list that the visitor sees. */
async function listsOf(client: Client, url: string): Promise<string[][]> {
  const user = 'visitor'
  const lists = client.recommendations(user, { limit: 8 })
  const next = async () => {
    const { value } = await lists.next()
    if (!value) throw new Error('the stream ended before its list came')
    return value.items.map(({ item }) => String(item))
  }
  const shown = await next()
  const columns = [['before', ...shown]]
  let known = new Set(shown)
  for (const item of await choices(url, shown)) {
    const begun = performance.now()
    await client.send({ user, item })
    const names = await next()
    const took = (performance.now() - begun).toFixed(1)
    columns.push([`after ${item} (${took} ms)`, ...names.map(name => (known.has(name) ? name : `+ ${name}`))])
    known = new Set(names)
  }
  return columns
}

/** Two items that are similar, not the most obvious ones, and one that others like. */
async function choices(url: string, shown: readonly string[]): Promise<string[]> {
  const similar = async (item: string, limit: number) => {
    const answer = await fetch(`${url}/v1/similar/${encodeURIComponent(item)}?limit=${limit}`)
    // Not every algorithm finds similar items.
    if (answer.status === 501) return []
    if (!answer.ok) throw new Error(`${url} answered ${answer.status} for what is similar to ${item}`)
    return ((await answer.json()) as SimilarAnswer).items.map(({ item }) => String(item))
  }
  const [first, last] = [shown[0], shown.at(-1)!]
  const chosen = (await similar(first, 20)).at(-1) ?? first
  const alike = await similar(chosen, 1)
  return [...new Set([chosen, ...alike, last])]
}
