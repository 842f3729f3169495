/** What a database is called in messages for people. */
export interface DatabaseName {
  readonly file: string
  /** What it holds. */
  readonly title: string
}

// https://sqlite.org/rescode.html
const remedies: Readonly<Record<number, string>> = {
  5: 'another process has it locked for long: wait until that is done, or stop it',
  8: 'it, or its disk, is read-only: have this process be allowed to write it and its directory',
  10: 'its disk failed, or it is no file: look at the log of the machine, and put a backup back where the file is damaged',
  11: 'it is damaged: stop all that use it, and put a backup back in its place (aurochs backup makes one)',
  13: 'its disk is full: make room',
  14: 'it must be a file in a directory that this process may read and write: move away what is in its place',
  26: 'it is damaged, or another file: stop all that use it, and put a backup back in its place (aurochs backup makes one)',
}

/** `error` with the name of the database and the remedy where SQLite says what is wrong with that; all others as they are. */
export function namedError(error: unknown, { file, title }: DatabaseName): unknown {
  const { errcode, message } = error as { readonly errcode?: number; readonly message?: string }
  // The lower byte is the kind, the others say more of it.
  const remedy = errcode === undefined ? undefined : remedies[errcode & 0xff]
  if (remedy === undefined) return error
  const named = new Error(`${file}, which holds ${title}, cannot be used (${message}): ${remedy}`, { cause: error })
  return Object.assign(named, { errcode })
}

/** What `work` gives. @throws as {@link namedError}. */
export function naming<Result>(name: DatabaseName, work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    throw namedError(error, name)
  }
}
