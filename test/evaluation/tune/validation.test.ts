import { join } from 'node:path'
import { expect, test } from 'vitest'
import { validationParts } from '../../../src/evaluation/tune/validation.ts'
import { Dataset, writeDataset } from '../../../src/storage/dataset.ts'
import { datasetOf, type Interaction, randomInteractions } from '../../models/interactions.ts'
import { csrOf } from '../../storage/csr-of.ts'
import { freshFolder } from '../../storage/folder.ts'
import { sequencesOf } from '../../storage/sequences-of.ts'

/** `user item` of all pairs. */
function listed({
  byUser,
  users,
  items,
}: Pick<Dataset, 'byUser'> & { users: { at(index: number): unknown }; items: { at(index: number): unknown } }) {
  const lines: string[] = []
  for (let row = 0; row < byUser.rows; row++) {
    for (let pair = Number(byUser.indptr[row]); pair < byUser.indptr[row + 1]!; pair++) {
      lines.push(`${users.at(row)} ${items.at(byUser.indices[pair]!)}`)
    }
  }
  return lines.sort()
}

test('of some of the users a share of the pairs is held out, of the others none, and nothing is in both parts', async () => {
  const pairs = randomInteractions(300, 80, 5)
  const dataset = await datasetOf(pairs)
  const { train, test: held } = validationParts(dataset, { users: 40, share: 0.3 })
  const [learned, found] = [listed(train), listed(held)]
  expect([...learned, ...found].sort()).toEqual(listed(dataset))
  const judged = Map.groupBy(found, line => line.split(' ')[0])
  expect(judged.size).toBe(40)
  for (const [user, lines] of judged) {
    const all = pairs.filter(([id]) => `${id}` === user).length
    expect(all).toBeGreaterThan(1)
    expect(lines.length).toBe(Math.max(1, Math.round(0.3 * all)))
  }
  expect(listed(validationParts(dataset, { users: 40, share: 0.3 }).test)).toEqual(found)
  expect(listed(validationParts(dataset, { users: 40, share: 0.3, seed: 1 }).test)).not.toEqual(found)
})

test('users who are held out whole have no pair in the training, and what is not to be found of theirs is given', async () => {
  const dataset = await datasetOf(randomInteractions(300, 80, 5))
  const { train, test: held } = validationParts(dataset, { share: 0.5, whole: 0.2 })
  const learned = new Set(listed(train).map(line => line.split(' ')[0]))
  const found = new Set(listed(held).map(line => line.split(' ')[0]))
  expect(found.size).toBeGreaterThan(40)
  for (const user of found) expect(learned).not.toContain(user)
  expect(listed(train).length + listed(held).length + held.given!.items.length).toBe(listed(dataset).length)
})

test('however large the share, something is left to learn from', async () => {
  const dataset = await datasetOf(randomInteractions(60, 20, 5))
  const { train, test: held } = validationParts(dataset, { share: 0.95 })
  const learned = new Set(listed(train).map(line => line.split(' ')[0]))
  for (const line of listed(held)) expect(learned).toContain(line.split(' ')[0])
})

test('half of the users at most, so that the data stays as dense as it is', async () => {
  const dataset = await datasetOf(Array.from({ length: 20 }, (_, at): Interaction => [at % 5, at, 1]))
  const { test: held } = validationParts(dataset)
  expect(new Set(listed(held).map(line => line.split(' ')[0])).size).toBe(3)
})

test('where there are times the newest pairs are held out', async () => {
  const directory = join(freshFolder(), 'data')
  const event = (item: number, time: number) => ({ item, time, weight: 1, kind: 0 })
  await writeDataset(directory, {
    byUser: csrOf([
      [1, 1, 1, 1],
      [2, 1, 1, 1],
    ]),
    kinds: ['read'],
    users: ['ann', 'bob'],
    items: ['p', 'q', 'r', 's'],
    events: sequencesOf(
      [
        [event(2, 1), event(0, 2), event(3, 3), event(1, 4)],
        [event(0, 1), event(1, 2), event(2, 3), event(3, 4), event(0, 5)],
      ],
      4,
    ),
  })
  const { train, test: held } = validationParts(Dataset.open(directory), { share: 0.5 })
  const found = listed(held)
  expect([
    ['ann q', 'ann s'],
    ['bob p', 'bob s'],
  ]).toContainEqual(found)
  // And of what is held out no event is learned from.
  expect(train.events!.items.length).toBe(9 - (found[0] === 'ann q' ? 2 : 3))
})

test('where no user has two items options cannot be compared', async () => {
  const dataset = await datasetOf(Array.from({ length: 20 }, (_, at): Interaction => [at, at % 7, 1]))
  expect(() => validationParts(dataset)).toThrow(
    new RangeError('options cannot be compared: no user has two items, one to learn from and one to find'),
  )
})
