import { statSync } from 'node:fs'
import { MappedCsr } from './csr.ts'

/** A sparse matrix as jobs pass it on: each worker maps the file itself. */
export interface CsrFile {
  readonly file: string
  readonly columns: number
}

/** The matrices that this thread used last, by file. */
const open = new Map<string, MappedCsr>()
/** Both orientations of a dataset. */
const most = 2

/** The matrix in a file, mapped once for as long as it is among the last that this thread used. */
export function cachedCsr({ file, columns }: CsrFile): MappedCsr {
  const { ino, mtimeMs } = statSync(file)
  // A file that took the place of another is not the same.
  const name = `${file} ${ino} ${mtimeMs}`
  const csr = open.get(name) ?? MappedCsr.open(file, columns)
  open.delete(name)
  open.set(name, csr)
  if (open.size > most) close(open.keys().next().value!)
  return csr
}

function close(name: string): void {
  open.get(name)?.close()
  open.delete(name)
}
