/** The ratings of MovieLens in each of the forms that GroupLens gives them. */
import type { Dialect } from '../csv/dialect.ts'
import type { SourceFile } from '../files/file.ts'
import { SourceError } from '../source-error.ts'

const columns = ['user', 'item', 'rating', 'timestamp'].map(name => ({ name, type: 'VARCHAR' }))

/**
 * How a file of ratings is divided: `ratings.csv` with a header, `u.data` with tabs, `ratings.dat` with `::`.
 *
 * @throws SourceError showing the first line when it is none of these.
 */
export function movielensDialect({ name }: SourceFile, head: string): Dialect {
  const first = head.split(/\r?\n/, 1)[0]!
  const delimiters = [',', '\t', '::']
  const delimiter = delimiters.find(each => first.split(each).length === columns.length)
  const hasHeader = /^userId,movieId,rating,timestamp$/i.test(first)
  if (delimiter === undefined || hasHeader !== (delimiter === ',')) {
    throw new SourceError(
      `${name}: expected ratings of MovieLens (ratings.csv with the header userId,movieId,rating,timestamp; u.data with tabs; ratings.dat with ::), got the line ${JSON.stringify(first.slice(0, 100))}; name columns by --user and --item with --format csv`,
    )
  }
  const quoting = { quote: '', escapedBy: '', comment: '' }
  return { delimiter, ...quoting, skip: 0, hasHeader, columns, dateFormat: undefined, timestampFormat: undefined }
}
