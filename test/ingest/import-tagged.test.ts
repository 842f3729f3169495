import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { splitDataset } from '../../src/evaluation/splits/split.ts'
import { importTagged } from '../../src/ingest/import-tagged.ts'
import { Dataset, writeDataset } from '../../src/storage/dataset.ts'
import { freshFolder } from '../storage/folder.ts'

function sources() {
  const folder = freshFolder()
  const [pairs, tags] = [join(folder, 'songs.csv'), join(folder, 'tags.csv')]
  writeFileSync(pairs, 'playlist,song\nmorning,1\nmorning,2\nmorning,3\nevening,2\nevening,3\nnight,1\nnight,3\n')
  writeFileSync(
    tags,
    'playlist,tag\nmorning,calm\nmorning,calm\nmorning,light\nnight,calm\nnobody,calm\nnobody,rare\nevening,light\n',
  )
  return { folder, pairs, tags, out: join(folder, 'data') }
}

function tagsOf(dataset: Pick<Dataset, 'users' | 'tags'>, user: string) {
  const { byUser, ids } = dataset.tags!
  const { indices, weights } = byUser.row(dataset.users.indexOf(user))
  return Array.from(indices, (tag, at) => [ids.at(tag), weights[at]]).sort()
}

test('tags come beside the pairs of their users, each once', async () => {
  const { folder, pairs, tags, out } = sources()
  const manifest = await importTagged(
    { sources: [pairs], user: 'playlist', item: 'song', out },
    { sources: [tags], user: 'playlist', tag: 'tag', minTag: 2 },
  )
  expect(manifest).toMatchObject({ users: 3, items: 3, pairs: 7, userTags: { tags: 2, pairs: 4 } })
  const dataset = Dataset.open(out, { verify: true })
  expect(tagsOf(dataset, 'morning')).toEqual([
    ['calm', 1],
    ['light', 1],
  ])
  expect(tagsOf(dataset, 'evening')).toEqual([['light', 1]])
  expect(tagsOf(dataset, 'night')).toEqual([['calm', 1]])
  expect(readdirSync(folder).sort()).toEqual(['data', 'songs.csv', 'tags.csv'])
})

test('tags of none but users without pairs are left out', async () => {
  const { pairs, tags, out } = sources()
  const manifest = await importTagged(
    { sources: [pairs], user: 'playlist', item: 'song', out },
    { sources: [tags], user: 'playlist', tag: 'tag' },
  )
  expect(manifest).toMatchObject({ userTags: { tags: 2, pairs: 4 } })
  const dataset = Dataset.open(out, { verify: true })
  expect(dataset.tags!.ids.indexOf('rare')).toBe(-1)
  expect(tagsOf(dataset, 'evening')).toEqual([['light', 1]])
})

test('a split keeps the tags of the users of its training part', async () => {
  const { folder, pairs, tags, out } = sources()
  await importTagged(
    { sources: [pairs], user: 'playlist', item: 'song', out },
    { sources: [tags], user: 'playlist', tag: 'tag' },
  )
  const { train } = splitDataset(Dataset.open(out), { kind: 'users', share: 0.3, found: 0.5, seed: 1 })
  await writeDataset(join(folder, 'part'), train)
  const part = Dataset.open(join(folder, 'part'), { verify: true })
  const whole = Dataset.open(out)
  expect(part.users.size).toBe(2)
  for (let user = 0; user < 2; user++) {
    const id = String(part.users.at(user))
    expect(tagsOf(part, id)).toEqual(tagsOf(whole, id))
  }
})

test('what is wrong with the tags is said, and nothing remains', async () => {
  const { folder, pairs, tags, out } = sources()
  const given = { sources: [pairs], user: 'playlist', item: 'song', out }
  const ofTags = (user: string, tag: string) => importTagged(given, { sources: [tags], user, tag })
  await expect(ofTags('playlist', 'mood')).rejects.toThrow('has no column "mood" for --tag, only')
  await expect(ofTags('list', 'tag')).rejects.toThrow(
    'has no column "list" for --user, which the files of --tags have, too',
  )
  await expect(ofTags('tag', 'tag')).rejects.toThrow('and --tag must name two columns')
  expect(readdirSync(folder).sort()).toEqual(['songs.csv', 'tags.csv'])
})
