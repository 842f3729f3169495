import { expect, test } from 'vitest'
import { smallModel } from '../models/small-model.ts'
import { aurochs } from './aurochs.ts'

test('recommend lists what the user does not have yet', async () => {
  const { directory } = await smallModel()
  const { status, json, stderr } = await aurochs('recommend', directory, '--user', 'bo', '--limit', '5', '--json')
  expect(stderr).toBe('')
  expect(status).toBe(0)
  // Bo, (0.25, 1), has 30 and 20; 10 is (4, 3) and 40 is (0, 0).
  expect(json()).toEqual([
    {
      user: 'bo',
      items: [
        { item: 10, score: 4 },
        { item: 40, score: 0 },
      ],
    },
  ])
})

test('recommend answers for several users, and with --seen ranks everything', async () => {
  const { directory } = await smallModel()
  const { json } = await aurochs(
    'recommend',
    directory,
    '--user',
    'ada',
    '--user',
    'bo',
    '--seen',
    '--limit',
    '2',
    '--json',
  )
  expect(json()).toEqual([
    {
      user: 'ada',
      items: [
        { item: 10, score: 5.5 },
        { item: 30, score: 3 },
      ],
    },
    {
      user: 'bo',
      items: [
        { item: 10, score: 4 },
        { item: 20, score: 2 },
      ],
    },
  ])
})

test('similar ranks by cosine and leaves the item itself out', async () => {
  const { directory } = await smallModel()
  const { status, json } = await aurochs('similar', directory, '--item', '30', '--json')
  expect(status).toBe(0)
  expect(json()).toEqual([
    {
      item: 30,
      items: [
        { item: 10, score: Math.fround(0.8) },
        { item: 20, score: 0 },
        { item: 40, score: 0 },
      ],
    },
  ])
})

test('people get a table', async () => {
  const { directory } = await smallModel()
  const { stdout } = await aurochs('similar', directory, '--item', '30', '--limit', '2')
  expect(stdout).toBe('Most like item 30:\n1  10  0.8000\n2  20  0.0000\n')
})

test('an unknown id has its own exit code and says so', async () => {
  const { directory } = await smallModel()
  const user = await aurochs('recommend', directory, '--user', 'ada', '--user', 'zoe', '--json')
  expect(user).toMatchObject({
    status: 3,
    stdout: '',
    stderr: 'aurochs: the model knows no user "zoe": it learned 2 users, whose ids are strings like ada\n',
  })
  const item = await aurochs('similar', directory, '--item', '31')
  expect(item).toMatchObject({ status: 3, stdout: '' })
  expect(item.stderr).toContain('the model knows no item "31": it learned 4 items, whose ids are integers like 30')
})

test('what is asked wrongly is answered with what was expected', async () => {
  const { folder, directory } = await smallModel()
  const limit = await aurochs('recommend', directory, '--user', 'ada', '--limit', '0')
  expect(limit).toMatchObject({
    status: 2,
    stderr: 'aurochs: --limit must be a whole number from 1 to 10000, got 0\n',
  })
  const missing = await aurochs('similar', directory)
  expect(missing.status).toBe(2)
  expect(missing.stderr).toContain("required option '--item <id>' not specified")
  const dataset = await aurochs('similar', `${folder}/data`, '--item', '30')
  expect(dataset.status).toBe(1)
  expect(dataset.stderr).toContain('data must be a model, but is a dataset')
})
