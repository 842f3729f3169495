import { join } from 'node:path'
import { catalogueFile, catalogueFormat } from '../../catalogue/format.ts'
import { isMade, openReadOnly } from '../../storage/sqlite.ts'

export interface CatalogueArticle {
  readonly title: string | undefined
  /** Where a click can lead. */
  readonly url: string | undefined
}

/** The item `id` of the catalogue of a state, hidden or not, also before its time; undefined where there is none. */
export function catalogueArticle(state: string, id: string): CatalogueArticle | undefined {
  const file = join(state, catalogueFile)
  if (!isMade(file)) return undefined
  const catalogue = openReadOnly(file, catalogueFormat)
  try {
    const row = catalogue.prepare('SELECT title, url FROM items WHERE id = ? AND deleted = 0').get(id) as
      | { readonly title: string | null; readonly url: string | null }
      | undefined
    return row && { title: row.title || undefined, url: row.url === null ? undefined : webAddress(row.url) }
  } finally {
    catalogue.close()
  }
}

/** Where a click can lead: http or https. */
export function webAddress(text: string): string | undefined {
  const url = URL.parse(text)
  return url && (url.protocol === 'https:' || url.protocol === 'http:') ? url.href : undefined
}
