/** A dataset whose users have tags, as playlists do: of two sources. */
import { join } from 'node:path'
import { Dataset, type DatasetManifest } from '../storage/dataset.ts'
import { withDraft, writeDirectory } from '../storage/directory.ts'
import { rowsIn } from '../storage/ids.ts'
import { linkOrCopy } from '../storage/link-or-copy.ts'
import { tagsOfUsers, usedTags, writeUserTags } from '../storage/user-tags.ts'
import { type ImportOptions, importDataset } from './import.ts'

/** Where tags of users come from. */
export interface TagSource
  extends Pick<ImportOptions, 'format' | 'delimiter' | 'header' | 'badRows' | 'memory' | 'threads'> {
  /** Files and globs, as {@link ImportOptions.sources}. */
  readonly sources: readonly string[]
  /** Column of user ids. */
  readonly user: string
  /** Column of tags: strings, or integers of 64 bits. */
  readonly tag: string
  /** Tags that fewer users have are left out. Default: 1. */
  readonly minTag?: number | undefined
}

/**
 * Imports interactions as `importDataset` does, and tags of their users beside them. A tag counts once, however often a user has it; tags of
 * users who have no pairs are left out, and with them those that nobody else has. Gives the manifest.
 *
 * @throws as `importDataset`, of either source. Nothing then remains on disk.
 */
export function importTagged(
  { out, replace = false, ...options }: ImportOptions,
  { tag, minTag, ...source }: TagSource,
): Promise<DatasetManifest> {
  const { signal } = options
  const write = (draft: string) =>
    withDraft(`${out}.import`, async work => {
      const [pairs, tags] = [join(work, 'pairs'), join(work, 'tags')]
      const { files, ...about } = await importDataset({ ...options, out: pairs })
      const titles = { user: '--user, which the files of --tags have, too', item: '--tag' }
      await importDataset({ ...source, item: tag, titles, minItem: minTag, duplicates: 'max', out: tags, signal })
      for (const name of Object.keys(files)) await linkOrCopy(join(pairs, name), join(draft, name))
      const [dataset, tagged] = [Dataset.open(pairs), Dataset.open(tags)]
      try {
        const ofUsers = tagsOfUsers({ byUser: tagged.byUser, ids: tagged.items }, rowsIn(tagged.users, dataset.users))
        return { ...about, userTags: await writeUserTags(draft, dataset.users.size, usedTags(ofUsers)) }
      } finally {
        dataset.close()
        tagged.close()
      }
    })
  return writeDirectory(out, write, { replace })
}
