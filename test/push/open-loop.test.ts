import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import type { SelectDecision } from '../../src/push/data/decision.ts'
import { PushEngine } from '../../src/push/live/engine.ts'
import { LiveLedger } from '../../src/push/live/ledger/live-ledger.ts'
import { pushesOf } from '../../src/push/live/parts/open-loop.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { mappedTensor, openSafetensors } from '../../src/storage/safetensors.ts'
import { writeSmallModel } from '../serve/small-model.ts'
import { freshFolder } from '../storage/folder.ts'
import { day, hour, minute } from './ledger-of.ts'
import { configOf, LogLines, openState, type State } from './live-engine.ts'

const pushed = 64
const usersOfArticle = 40
const subjects = ['달', '꿀벌', '백신', 'bridges', 'orchards', 'rivers', '기차', '단풍', 'markets', 'glaciers']
const verbs = ['새로 찾은', '오래된', 'changing', 'quiet', '놀라운', 'forgotten', 'growing', '조용한']
const places = ['남해', 'the north', '서울', 'the coast', '산골', 'old towns', '바닷가', 'the valley']

test('what the past teaches is learned in the background, kept, and opened by the next process', async () => {
  const state = openState()
  const { folder } = state
  putArticles(state)
  putPast(folder)
  const model = await writeSmallModel(freshFolder())
  const first = await start(folder, model)
  const said = (log: LogLines, message: string) => log.lines.find(line => line.message === message)?.fields
  await until(() => said(first.log, 'pushes: learned which titles are clicked') !== undefined)
  expect(said(first.log, 'pushes: vectors of users')).toMatchObject({ users: 20 })
  expect(said(first.log, 'pushes: learned which articles are worth it')).toMatchObject({ articles: pushed })
  expect(said(first.log, 'pushes: learned which titles are clicked')).toMatchObject({ tests: pushed })
  await first.engine.stop()
  expect(first.log.errors).toEqual([])
  const files = ['learned.json', 'clicks-1.safetensors', 'appeal.safetensors', 'titles.safetensors', 'words']
  for (const file of files) expect(existsSync(join(folder, 'push-loop', file)), file).toBe(true)

  state.catalogue.put(
    ['science', 'money'].map(category => ({
      id: `new ${category}`,
      title: `A quiet day on the coast of ${category}`,
      categories: [category],
      availableFrom: Date.now() - 31 * minute,
    })),
  )
  const second = await start(folder, model)
  const decisionOf = async (id: string): Promise<SelectDecision | undefined> => {
    const [found] = await second.engine.ledger.call('decisions', { article: id })
    return found?.kind === 'select' ? found.decision : undefined
  }
  await until(async () => (await decisionOf('new science')) !== undefined)
  const science = await decisionOf('new science')
  // Science was clicked six times as often.
  expect(science!.contributions.find(({ feature }) => feature === 'daily model')!.by).toBeGreaterThan(0.3)
  const money = await decisionOf('new money')
  if (money) expect(money.contributions.find(({ feature }) => feature === 'daily model')!.by).toBeLessThan(-0.3)
  const begun = second.log.lines.find(({ message }) => message === 'pushes: a campaign begins')!.fields
  // The template was clicked three times as often as the titles themselves.
  expect(begun).toMatchObject({ titles: [expect.stringMatching(/^Now: /), expect.stringMatching(/^A quiet day/)] })

  const sends = join(folder, 'push-loop', 'sends')
  await until(() => existsSync(sends) && readdirSync(sends).some(name => name.endsWith('.safetensors')))
  const [sent] = await second.engine.ledger.call('sendsOf', 'new science')
  const { user } = sent!
  const row = (await second.engine.ledger.call('rowOf', user))!
  expect(usersIn(sends)).toContain(row)
  await second.engine.forget(user)
  second.engine.wake()
  await until(() => !usersIn(sends).includes(row))
  await second.engine.stop()
  expect(second.log.errors).toEqual([])

  // What came of it is learned by a process that begins a day later, without the user, and is on disk no more.
  expect(usersIn(sends).length).toBeGreaterThan(0)
  expect(responsesIn(folder)).toBeUndefined()
  const third = await start(folder, model, 25 * hour)
  await until(() => third.log.lines.some(({ message }) => message === 'pushes: the loop begins'))
  await until(() => usersIn(sends).length === 0 || third.steps() > 3)
  await third.engine.stop()
  expect(third.log.errors).toEqual([])
  expect(usersIn(sends)).toEqual([])
  expect(responsesIn(folder)).toBeDefined()
})

/** What was learned of responses to pushes. */
function responsesIn(folder: string): unknown {
  const learned = JSON.parse(readFileSync(join(folder, 'push-loop', 'learned.json'), 'utf8')) as {
    blend: { responses?: unknown }
  }
  return learned.blend.responses
}

/** Users of the rounds that are not all learned from. */
function usersIn(sends: string): number[] {
  return readdirSync(sends)
    .filter(name => name.endsWith('.safetensors'))
    .flatMap(name => {
      const file = openSafetensors(join(sends, name))
      const users = [...mappedTensor(file, 'users', Uint32Array).data]
      file.close()
      return users
    })
}

/** @param ahead of the machine's clock, in ms. */
async function start(folder: string, model: string, ahead = 0) {
  const loop = { target: 0.5, templates: ['Now: {title}'], threads: 1, model }
  const config = configOf(folder, { loop, articles: { within: '4h' } })
  const log = new LogLines()
  let waits = 0
  const engine = await PushEngine.start({
    ...pushesOf(config),
    state: folder,
    log,
    clock: {
      now: () => Date.now() + ahead,
      wait: (ms, signal) => {
        waits++
        return setTimeout(Math.min(ms, 200), undefined, { signal })
      },
    },
  })
  onTestFinished(() => engine.stop())
  await engine.ready
  return { engine, log, steps: () => waits }
}

async function until(is: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000
  while (!(await is())) {
    if (performance.now() > deadline) throw new Error(`it never was: ${is}`)
    await setTimeout(20)
  }
}

const createdAt = (article: number) => Date.now() - (40 - article * 0.53) * day
const categoryOf = (article: number) => (article % 2 === 0 ? 'science' : 'money')

function putArticles({ catalogue }: State): void {
  const random = randomNumbers(3)
  const one = (of: readonly string[]) => of[Math.floor(random() * of.length)]!
  const title = () => `${one(verbs)} ${one(subjects)} of ${one(places)}`
  const texts = Array.from({ length: 1000 }, (_, at) => ({
    id: `old ${at}`,
    title: title(),
    text: `${title()} ${title()}`,
  }))
  const articles = Array.from({ length: pushed }, (_, at) => {
    const category = categoryOf(at)
    return {
      id: `article ${at}`,
      title: `${title()} in ${category}`,
      categories: [category],
      availableFrom: createdAt(at),
    }
  })
  catalogue.put([...texts, ...articles])
}

/** Pushes of each article to users of its own, of which some clicked. */
function putPast(folder: string): void {
  const random = randomNumbers(4)
  const ledger = LiveLedger.open(folder, {
    articles: { within: 4 * hour },
    events: { click: 'push_click' },
    quiet: { from: '00:00', until: '00:00' },
  })
  const begin = Date.now() - 41 * day
  ledger.watch(begin)
  for (let article = 0; article < pushed; article++) {
    const now = createdAt(article) + 31 * minute
    const [taken] = ledger.takeArticles(now)
    const { id, title } = taken!
    const users = Array.from({ length: usersOfArticle }, (_, at) => String(article * usersOfArticle + at))
    ledger.putUsers(
      users.map(user => ({ id: user, channel: { sender: 'file', address: user } })),
      begin,
    )
    ledger.putCampaign({
      id,
      titles: [title, `Now: ${title}`],
      starts: now,
      ends: now + 3 * hour,
      budget: 1000,
      target: 2,
    })
    ledger.reserve(
      id,
      users.map((user, at) => ({ user, title: at % 2, round: 0, rank: at, usualCtr: 0.1 })),
      now,
    )
    const sends = ledger.hand('file', 1000, now)
    ledger.confirm(
      sends.map(({ id: send }) => ({ id: send, outcome: 'delivered' as const })),
      now,
    )
    const rate = article % 2 === 0 ? 0.3 : 0.05
    const clicked = sends.filter(send => random() < rate * (send.title.startsWith('Now: ') ? 1.5 : 0.5))
    ledger.recordClicks(
      clicked.map(({ id: send }) => ({ id: send, time: now + minute })),
      now + hour,
    )
  }
  ledger.close()
}
