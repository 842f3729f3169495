import { expect, test } from 'vitest'
import { neighbours } from '../../src/models/item-item/neighbours/index.ts'
import { algorithmsWith } from '../../src/models/open/capabilities.ts'
import { baselineAlgorithm } from '../../src/models/registry.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { checkerboard, datasetOf } from '../models/interactions.ts'
import { smallModel } from '../models/small-model.ts'
import { trained } from '../models/trained.ts'
import { aurochs, aurochsInTurn } from './aurochs.ts'

/** An item of a list; scores are those of 32-bit floats. */
const scored = (item: number, score: number) => ({ item, score: expect.closeTo(score, 5) })
/** The same in a list for a user. */
const liked = (item: number, score: number) => ({ ...scored(item, score), source: 'taste' })

test('recommend lists what the user does not have yet', async () => {
  const { directory } = await smallModel()
  const { status, json, stderr } = await aurochs('recommend', directory, 'bo', '--limit', '5', '--json')
  expect(stderr).toBe('')
  expect(status).toBe(0)
  // Bo, (0.375, 0.25), has 30 and 20; 10 is (1, 1) and 40 is (1, -1).
  expect(json()).toEqual([{ user: 'bo', basis: 'model', items: [liked(10, 0.625), liked(40, 0.125)] }])
})

test('recommend answers for several users, and with --seen allow ranks everything', async () => {
  const { directory } = await smallModel()
  const asked = ['recommend', directory, 'ada', 'bo', '--json']
  const [allowed, excluded] = await aurochsInTurn(
    [...asked, '--seen', 'allow', '--limit', '2'],
    [...asked, '--seen', 'exclude', '--limit', '1'],
  )
  expect(allowed!.json()).toEqual([
    { user: 'ada', basis: 'model', items: [liked(20, 18 / 22), liked(10, 16 / 22)] },
    { user: 'bo', basis: 'model', items: [liked(30, 0.75), liked(10, 0.625)] },
  ])
  expect(excluded!.json()).toEqual([
    { user: 'ada', basis: 'model', items: [liked(40, -2 / 22)] },
    { user: 'bo', basis: 'model', items: [liked(10, 0.625)] },
  ])
})

test('similar ranks by cosine and leaves the item itself out', async () => {
  const { directory } = await smallModel()
  const { status, json } = await aurochs('similar', directory, '30', '--measure', 'cosine', '--json')
  expect(status).toBe(0)
  const cosine = Math.fround(Math.SQRT1_2)
  expect(json()).toEqual([{ item: 30, items: [scored(10, cosine), scored(40, cosine), scored(20, 0)] }])
})

test('similar has a choice of measures, and names those of the model where it lacks one', async () => {
  const pool = new Pool({ threads: 1 })
  const directory = await trained(neighbours, await datasetOf(checkerboard(6)), { pool })
  await pool.close()
  const [standard, named, other] = await aurochsInTurn(
    ['similar', directory, '1', '--json'],
    ['similar', directory, '1', '--measure', 'neighbours', '--json'],
    ['similar', directory, '1', '--measure', 'cosine'],
  )
  expect(standard!.json()).toHaveLength(1)
  expect(named!.json()).toEqual(standard!.json())
  expect(other).toMatchObject({
    status: 1,
    stderr: 'aurochs: a model of neighbours cannot find similar items by cosine: ask for neighbours\n',
  })
})

test('people get a table', async () => {
  const { directory } = await smallModel()
  const [similar, best] = await aurochsInTurn(
    ['similar', directory, '30', '--limit', '2', '--measure', 'cosine'],
    ['recommend', directory, 'bo'],
  )
  expect(similar!.stdout).toBe('Most similar to item 30:\n1  10  0.7071\n2  40  0.7071\n')
  expect(best!.stdout).toBe('For user bo, who has 2 items:\n1  10  0.6250  taste\n2  40  0.1250  taste\n')
})

test('a model of an algorithm that finds no similar items is refused in words', async () => {
  const pool = new Pool({ threads: 1 })
  const directory = await trained(baselineAlgorithm, await datasetOf(checkerboard(6)), { pool })
  await pool.close()
  const [similar, best] = await aurochsInTurn(
    ['similar', directory, '1'],
    ['recommend', directory, '1', '--limit', '1', '--json'],
  )
  expect(similar).toMatchObject({ status: 1, stdout: '' })
  expect(similar!.stderr).toBe(
    `aurochs: a model of ${baselineAlgorithm.name} cannot find similar items: train another algorithm for that: ${algorithmsWith.similar.join(', ')}\n`,
  )
  expect(best!.json()).toEqual([{ user: 1, basis: 'model', items: [{ item: 0, score: 2, source: 'popular' }] }])
})

test('an unknown user gets what is popular, as from the server, unless that is to be an error', async () => {
  const { directory } = await smallModel()
  const asked = ['recommend', directory, 'zoe', 'ada', '--limit', '1']
  const [popular, table, refused, wrong] = await aurochsInTurn(
    [...asked, '--json'],
    asked,
    [...asked, '--json', '--unknown', 'error'],
    [...asked, '--unknown', 'nothing'],
  )
  const ada = { user: 'ada', basis: 'model', items: [liked(40, -2 / 22)] }
  expect(popular).toMatchObject({ status: 0, stderr: '' })
  expect(popular!.json()).toEqual([
    { user: 'zoe', basis: 'popularity', items: [{ item: 30, score: 0, source: 'popular' }] },
    ada,
  ])
  expect(table!.stdout).toMatch(
    /^For user zoe, whom the model does not know, what most users have:\n1 {2}30 {2}0\.0000 {2}popular\nFor/,
  )
  // The others' lists are printed all the same.
  expect(refused!.json()).toEqual([ada])
  expect(refused).toMatchObject({
    status: 3,
    stderr: 'aurochs: the model has no user "zoe": its 2 users have ids such as "ada"\n',
  })
  expect(wrong).toMatchObject({
    status: 2,
    stderr: 'aurochs: --unknown must be popularity or error, got nothing\n',
  })
})

test('an unknown item is named after the lists of the others, by an exit code of its own', async () => {
  const { directory } = await smallModel()
  const [some, none] = await aurochsInTurn(
    ['similar', directory, '31', '30', '32', '--limit', '1', '--measure', 'cosine', '--json'],
    ['similar', directory, '31'],
  )
  expect(some!.json()).toEqual([{ item: 30, items: [scored(10, Math.SQRT1_2)] }])
  expect(some!.status).toBe(3)
  expect(some!.stderr).toContain('the model has no item "31", "32": its 4 items have ids such as 30')
  expect(none).toMatchObject({ status: 3, stdout: '' })
})

test('ids that begin with a dash stand after --, and the options of old say how ids are given now', async () => {
  const { directory } = await smallModel()
  const [dash, user, item] = await aurochsInTurn(
    ['recommend', directory, '--limit', '1', '--json', '--', '--user', 'ada'],
    ['recommend', directory, '--user', 'ada'],
    ['similar', directory, '--item', '30'],
  )
  expect(dash!.json()).toMatchObject([{ user: '--user', basis: 'popularity' }, { user: 'ada' }])
  expect(user).toMatchObject({
    status: 2,
    stderr: 'aurochs: --user is not an option: give ids as arguments, as in aurochs recommend MODEL USER...\n',
  })
  expect(item).toMatchObject({
    status: 2,
    stderr: 'aurochs: --item is not an option: give ids as arguments, as in aurochs similar MODEL ITEM...\n',
  })
})

test('what is asked wrongly is answered with what was expected', async () => {
  const { folder, directory } = await smallModel()
  const [limit, seen, missing, dataset] = await aurochsInTurn(
    ['recommend', directory, 'ada', '--limit', '0'],
    ['recommend', directory, 'ada', '--seen', 'maybe'],
    ['similar', directory],
    ['similar', `${folder}/data`, '30'],
  )
  expect(limit).toMatchObject({
    status: 2,
    stderr: 'aurochs: --limit must be a whole number from 1 to 10000, got 0\n',
  })
  expect(seen).toMatchObject({ status: 2, stderr: 'aurochs: --seen must be allow or exclude, got maybe\n' })
  expect(missing!.status).toBe(2)
  expect(missing!.stderr).toContain("missing required argument 'item'")
  expect(dataset!.status).toBe(1)
  expect(dataset!.stderr).toContain('data must be a model, which `aurochs train` makes, but is a dataset')
})
