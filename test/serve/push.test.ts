import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import type { MethodName, ParamsInput, Results } from '../../src/protocol/methods.ts'
import { PushLedger } from '../../src/push/send/ledger.ts'
import { addKey } from './keys.ts'
import { type ServedModel, serveSmallModel } from './served-model.ts'

let served: ServedModel
let admin: string

beforeAll(async () => {
  served = await serveSmallModel({
    push: true,
    prepare: state => {
      admin = addKey(state, { admin: 'all' }).key
    },
  })
  return served.close
})

async function call<Name extends MethodName>(name: Name, params: ParamsInput<Name>): Promise<Results[Name]> {
  const response = await fetch(`${served.server.url}/v1/${name}`, {
    method: 'POST',
    body: JSON.stringify(params),
    headers: { authorization: `Bearer ${admin}` },
  })
  const body = await response.json()
  if (!response.ok) throw new Error(`${body.error.code}: ${body.error.message}`)
  return body
}

async function until(is: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000
  while (!(await is())) {
    if (performance.now() > deadline) throw new Error(`it never was: ${is}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

const lines = () =>
  readFileSync(join(served.folder, 'pushes.ndjson'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map(
      line =>
        JSON.parse(line) as { id: string; user: string; campaign: string; title: string; url: string; isTest?: true },
    )

test('an article that is put is pushed to users who are put, and clicks are counted and redirected', async () => {
  const channel = (address: string) => ({ sender: 'file', address })
  const users = ['bob', 'cid'].map(id => ({
    id,
    channel: channel(`to-${id}`),
    segment: 'kr',
    lastVisit: '2024-05-31T18:30:00Z',
  }))
  expect(await call('push_put_users', { users })).toEqual({ users: 2 })
  await call('put_items', { items: [{ id: 'a1', title: 'One', url: 'https://example.org/a1?x=1' }] })
  await until(async () =>
    (await call('push_status', {})).campaigns.some(({ id, counts }) => id === 'a1' && counts.delivered === 3),
  )
  const push = lines().find(({ user }) => user === 'bob')!
  const link = push.url.replace('https://push.example.org', served.server.url)
  const follow = (url: string, method = 'GET') => fetch(url, { redirect: 'manual', method })
  const looked = await follow(link, 'HEAD')
  expect([looked.status, looked.headers.get('location'), await looked.text()]).toEqual([
    302,
    'https://example.org/a1',
    '',
  ])
  const reports = (await call('push_report', {})).campaigns.filter(({ article }) => article === 'a1')
  expect(reports.flatMap(({ sends }) => sends.map(({ clicks }) => clicks))).toEqual([0, 0])
  const clicked = await follow(link)
  expect([clicked.status, clicked.headers.get('location')]).toEqual([302, 'https://example.org/a1'])
  const forged = await follow(link.replace('a1', 'a2'))
  expect([forged.status, forged.headers.get('location')]).toEqual([404, null])
  expect((await follow(link.replace('a1', 'a2'), 'HEAD')).status).toBe(404)
  expect(await call('push_click', { user: 'bob', send: push.id })).toEqual({ status: 'duplicate' })
  expect(await call('push_click', { user: 'cid', send: push.id })).toEqual({ status: 'unknown-send' })
  expect(await call('push_click', { user: 'cid', article: 'a1' })).toEqual({ status: 'recorded' })
  const { campaigns } = await call('push_report', {})
  expect(campaigns.find(({ article }) => article === 'a1')!.sends).toMatchObject([
    { title: 0, round: 0, sends: 2, clicks: 1, usualClicks: expect.closeTo(0.02) },
    { title: 1, round: 0, sends: 1, clicks: 1 },
  ])
  expect(await call('push_why', { user: 'bob', article: 'a1' })).toMatchObject({
    got: true,
    reasons: [{ code: 'send', state: 'delivered', title: push.title }],
  })
  expect(await call('push_why', { user: 'nobody', article: 'a1' })).toMatchObject({
    got: false,
    reasons: [{ code: 'unknown-user' }],
  })
  expect(await call('push_report', { article: 'news' })).toMatchObject({ campaigns: [{ article: 'news' }] })
  await expect(call('push_report', { article: 'none' })).rejects.toThrow('bad_message: expected the id of a campaign')
  const found = await call('push_status', { text: 'ONE', reasons: true, limit: 1 })
  expect(found).toMatchObject({ total: 2, campaigns: [{ id: 'a1' }] })
  expect(found.sends).toMatchObject([{ sender: 'file', state: 'delivered', sends: 3, last: expect.any(Number) }])
  expect(await call('push_status', { text: 'nothing has this' })).toMatchObject({ total: 0, campaigns: [] })
  // As of the latest step.
  const metrics = async () => (await call('metrics', {})).text
  await expect.poll(metrics).toContain('aurochs_push_sends_total{sender="file",outcome="delivered"} 3')
  const text = await metrics()
  expect(text).toMatch(/^aurochs_push_clicks_total \d$/m)
  expect(text).toMatch(/^aurochs_push_last_step_timestamp_seconds 1\d{9}/m)
  expect(text).toMatch(/^# TYPE aurochs_push_waiting gauge$/m)
  expect(await call('push_status', { state: 'over' })).toMatchObject({ total: 0 })
  const { decisions } = await call('push_decisions', { article: 'a1' })
  expect(decisions.at(-1)).toMatchObject({
    kind: 'select',
    decision: { lift: 3, contributions: [{ feature: 'reads' }] },
  })
})

test('an operator pauses, tests, runs dry and goes on', async () => {
  await call('push_pause', {})
  expect(await call('push_status', { limit: 1 })).toMatchObject({ pausedSince: expect.any(Number), campaigns: [{}] })
  const { sends, refused } = await call('push_test', { article: 'news', users: ['ann', 'nobody'], title: 1 })
  expect(refused).toEqual([{ user: 'nobody', reason: 'unknown-user' }])
  await until(async () =>
    lines().some(({ id, isTest, title }) => id === sends[0]!.id && isTest === true && title === '[test] Two'),
  )
  // Also of an article that nobody gets.
  await call('put_items', { items: [{ id: 'draft', title: 'Draft', hidden: true }] })
  await call('push_test', { article: 'draft', users: ['ann'] })
  await call('push_test', { article: 'draft', users: ['ann'], text: 'Other' })
  await until(async () => lines().filter(({ campaign }) => campaign === 'draft').length === 2)
  expect(lines().flatMap(({ campaign, title }) => (campaign === 'draft' ? [title] : []))).toEqual([
    '[test] Draft',
    '[test] Other',
  ])
  await call('push_resume', {})
  expect(await call('push_dry_run', {})).toEqual({ dryRun: true })
  expect(await call('push_status', {})).toMatchObject({ isDryRun: true })
  await call('push_dry_run', { on: false })
  await expect(call('push_pause', { article: 'none' })).rejects.toThrow('bad_message: expected the id of a campaign')
  await expect(call('push_test', { article: 'news', users: ['ann'], title: 2 })).rejects.toThrow(
    'title must be a whole number from 0 to 1',
  )
  const wrong = { users: [{ id: 'x', zone: 'Nowhere' }] }
  await expect(call('push_put_users', wrong)).rejects.toThrow('a time zone such as Asia/Seoul')
})

test('an analysis of few articles says how many there are', async () => {
  const { articles, articleCount } = await call('push_analysis', { limit: 1, days: 7 })
  expect(articles.length).toBeLessThanOrEqual(1)
  expect(articleCount).toBeGreaterThanOrEqual(articles.length)
})

test('forgetting a user takes what pushes know, too', async () => {
  await call('push_opt_out', { user: 'to-be-forgotten' })
  await call('forget', { user: 'to-be-forgotten' })
  const ledger = PushLedger.open(join(served.folder, 'state'))
  expect(ledger.why('to-be-forgotten', 'news').reasons).toEqual([{ code: 'unknown-user' }])
  ledger.close()
})

test('a server that sends no pushes says so, and still forgets', async () => {
  const other = await serveSmallModel({ open: true })
  try {
    const response = await fetch(`${other.server.url}/v1/push_opt_out`, { method: 'POST', body: '{"user":"ann"}' })
    expect([response.status, (await response.json()).error]).toMatchObject([
      501,
      { code: 'unsupported', message: expect.stringContaining('--push FILE') },
    ])
    expect((await fetch(`${other.server.url}/c?send=1`)).status).toBe(404)
  } finally {
    await other.close()
  }
})

test('a server whose pushes could not begin says that it is not ready, and serves on', async () => {
  const other = await serveSmallModel({ open: true, push: 'broken' })
  try {
    const ready = () => fetch(`${other.server.url}/readyz`)
    await until(async () => (await ready()).status === 503)
    expect((await (await ready()).json()).error).toMatchObject({
      code: 'not_ready',
      message: 'pushes could not begin: learned.json is damaged; put that right and start again',
    })
    expect((await fetch(`${other.server.url}/healthz`)).status).toBe(200)
    expect((await fetch(`${other.server.url}/v1/recommend/7`)).status).toBe(200)
  } finally {
    await other.close()
  }
})
