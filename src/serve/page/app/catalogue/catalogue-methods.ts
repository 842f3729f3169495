import type { Session } from '../connection/session.ts'
import type { ItemText } from '../try/titles.ts'

export async function cataloguedItems(
  _session: Session,
  _items: readonly string[],
): Promise<Map<string, ItemText> | undefined> {
  return undefined
}
