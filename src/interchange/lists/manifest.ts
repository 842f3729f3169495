/** What says, beside the parts of lists for all users, of which model and how they are. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { sync, withDraft } from '../../storage/directory.ts'
import { faultIn } from '../../storage/expectation.ts'

export const listsManifestName = 'lists.json'

const count = z.int().nonnegative()
const schema = z.object({
  format: z.literal('aurochs-lists'),
  version: z.literal(1),
  model: z.string(),
  users: count,
  limit: z.int().positive(),
  seen: z.enum(['allow', 'exclude']),
  usersInPart: z.int().positive(),
  now: z.number(),
  complete: z.boolean(),
})

export interface ListsManifest {
  readonly format: 'aurochs-lists'
  readonly version: 1
  /** `Artifact.checksum` of the model. */
  readonly model: string
  /** All users that the model knows. */
  readonly users: number
  /** Items a list, at most. */
  readonly limit: number
  /** Whether items that the user has already may come. */
  readonly seen: 'allow' | 'exclude'
  /** Part n has the users of the rows from n · `usersInPart` on. */
  readonly usersInPart: number
  /** The time that the lists were asked for, ms since 1970: the same for all parts. */
  readonly now: number
  /** Whether all parts are there. */
  readonly complete: boolean
}

export function partName(part: number): string {
  return `part-${String(part).padStart(5, '0')}.parquet`
}

const partPattern = /^part-\d{5,}\.parquet$/

/** What `directory` has of our files: its parts and then its manifest. */
export function listsFilesIn(directory: string): string[] {
  if (!existsSync(directory)) return []
  const parts = readdirSync(directory).filter(name => partPattern.test(name))
  return existsSync(join(directory, listsManifestName)) ? [...parts, listsManifestName] : parts
}

/**
 * The manifest of the lists in `directory`; undefined where it is empty or not there.
 *
 * @throws Error where there is something else.
 */
export function readListsManifest(directory: string): ListsManifest | undefined {
  const found = statSync(directory, { throwIfNoEntry: false })
  if (!found) return undefined
  if (!found.isDirectory()) throw new Error(`${directory} is a file: expected a directory for the parts, name another`)
  const path = join(directory, listsManifestName)
  if (!existsSync(path)) {
    // A part that was being written when the process was killed.
    const foreign = readdirSync(directory).find(name => !name.startsWith('.'))
    if (foreign === undefined) return undefined
    throw new Error(
      `${directory} must be empty or hold lists, but holds ${foreign} and no ${listsManifestName}: choose another place`,
    )
  }
  let manifest: unknown
  try {
    manifest = JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw damaged(path, 'it is not JSON', cause)
  }
  const fault = faultIn(schema, manifest)
  if (fault) throw damaged(path, fault)
  return manifest as ListsManifest
}

function damaged(path: string, fault: string, cause?: unknown): Error {
  return new Error(`${path} is damaged: ${fault}; begin anew (replace, --replace)`, { cause })
}

/** Takes the place of what is there in one step. */
export async function writeListsManifest(directory: string, manifest: ListsManifest): Promise<void> {
  const path = join(directory, listsManifestName)
  await withDraft(path, async draft => {
    const file = join(draft, listsManifestName)
    await writeFile(file, `${JSON.stringify(manifest, null, 2)}\n`, { flush: true })
    await rename(file, path)
    await sync(directory)
  })
}

/** @throws Error where the lists `before` are not those that are `wanted` now: they cannot be gone on with. */
export function assertSameLists(directory: string, before: ListsManifest, wanted: ListsManifest): void {
  const remedy = 'begin anew (replace, --replace), ask for the same, or choose another place'
  for (const name of ['model', 'users', 'limit', 'seen'] as const) {
    if (before[name] === wanted[name]) continue
    const what = name === 'model' ? 'lists of the model' : `lists with ${name}`
    throw new Error(`${directory} must hold ${what} ${wanted[name]} to go on, but holds ${before[name]}: ${remedy}`)
  }
}
