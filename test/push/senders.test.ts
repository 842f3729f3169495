/** One contract, and every sender against it: what is particular to one stands beside it in a test of its own. */
import { describe, expect, test } from 'vitest'
import type { Sender } from '../../src/push/send/senders/sender.ts'
import { pushTo, results } from './push-to.ts'
import { type Fault, type Harness, harnesses } from './sender-harness.ts'

const never = new AbortController().signal

describe.each(harnesses)('$name', (harness: Harness) => {
  const { fails, isIdempotent } = harness
  const uncertain = (reason: string) =>
    isIdempotent ? { outcome: 'retry', isUncertain: true, reason } : { outcome: 'unknown', reason }

  test('delivers each push of a batch once, and answers in its order', async () => {
    const { sender, delivered } = await harness.start()
    const batch = Array.from({ length: 20 }, (_, at) => pushTo(harness, `u${at}`))
    expect(await sender.send(batch, { signal: never })).toEqual(batch.map(({ id }) => ({ id, outcome: 'delivered' })))
    expect([...(await delivered())].sort()).toEqual(batch.map(({ id }) => id).sort())
  })

  test('takes an empty batch', async () => {
    const { sender } = await harness.start()
    expect(await sender.send([], { signal: never })).toEqual([])
  })

  test('closes twice', async () => {
    const { sender } = await harness.start()
    await sender.close?.()
    await sender.close?.()
  })

  if (isIdempotent) {
    test('a push that is sent again is shown once', async () => {
      const { sender, delivered } = await harness.start()
      const push = pushTo(harness, 'ann')
      for (const attempt of [1, 2, 3]) {
        expect(await results(sender, [{ ...push, attempt }])).toEqual(['delivered'])
      }
      expect(await delivered()).toEqual([push.id])
    })
  }

  if (!fails) return

  test('never has more than its bound on their way', async () => {
    const { sender, mostOpen } = await harness.start({ concurrency: 3, delay: 10 })
    const batch = Array.from({ length: 12 }, (_, at) => pushTo(harness, `u${at}`))
    await sender.send(batch, { signal: never })
    expect(mostOpen()).toBe(3)
  })

  test('the bound is that of all batches together, and what waits for it does not time out', async () => {
    const { sender, mostOpen } = await harness.start({ concurrency: 2, delay: 60, timeout: 800 })
    // The last begin after longer than that.
    const batches = [0, 1, 2, 3].map(of => Array.from({ length: 7 }, (_, at) => pushTo(harness, `u${of}-${at}`)))
    const outcomes = await Promise.all(batches.map(batch => results(sender, batch)))
    expect(outcomes.flat()).toEqual(Array.from({ length: 28 }, () => 'delivered'))
    expect(mostOpen()).toBe(2)
  })

  test('a dead address is gone, what is refused has failed, and others of the batch are delivered', async () => {
    const faults = new Map<string, Fault>([
      ['dead', 'gone'],
      ['bad', 'refused'],
    ])
    const { sender } = await harness.start({ fault: user => faults.get(user) })
    const batch = ['ann', 'dead', 'bad', 'bob'].map(user => pushTo(harness, user))
    expect(await results(sender, batch)).toEqual(['delivered', 'gone', 'failed', 'delivered'])
  })

  test('what comes too fast is sent again, not before the server says', async () => {
    const { sender } = await harness.start({ fault: () => 'too-fast' })
    const [result] = await sender.send([pushTo(harness, 'ann')], { signal: never })
    expect(result).toMatchObject({ outcome: 'retry' })
    expect((result as { after: number }).after).toBeGreaterThanOrEqual(7000)
    expect(result).not.toHaveProperty('isUncertain')
  })

  test('a server that is down is tried again later, the longer the more often it was', async () => {
    const { sender } = await harness.start({ fault: () => 'down' })
    const afters: number[] = []
    for (const attempt of [1, 4, 40]) {
      const [result] = await sender.send([{ ...pushTo(harness, 'ann'), attempt }], { signal: never })
      expect(result).toMatchObject({ outcome: 'retry' })
      afters.push((result as { after: number }).after)
    }
    expect(afters[0]).toBeLessThanOrEqual(1000)
    expect(afters[1]).toBeGreaterThanOrEqual(4000)
    expect(afters[2]).toBeLessThanOrEqual(300_000)
    expect(afters[2]).toBeGreaterThanOrEqual(150_000)
  })

  test('where nothing listens, nothing was sent', async () => {
    const { sender, stopServer } = await harness.start()
    await stopServer()
    const [result] = await sender.send([pushTo(harness, 'ann')], { signal: never })
    expect(result).toMatchObject({ outcome: 'retry' })
    expect(result).not.toHaveProperty('isUncertain')
  })

  test('a connection that ends before the answer leaves it open whether the push was shown', async () => {
    const { sender } = await harness.start({ fault: () => 'drop' })
    expect(await sender.send([pushTo(harness, 'ann')], { signal: never })).toMatchObject([
      uncertain(expect.any(String)),
    ])
  })

  test('an answer that does not come in time leaves it open, too', async () => {
    const { sender } = await harness.start({ fault: () => 'hang', timeout: 500 })
    expect(await sender.send([pushTo(harness, 'ann')], { signal: never })).toMatchObject([uncertain('timeout')])
  })

  test('what is interrupted is open, and what was not begun is not', async () => {
    const { sender, received } = await harness.start({ fault: () => 'hang', concurrency: 1 })
    const stop = new AbortController()
    const sending = sender.send([pushTo(harness, 'ann'), pushTo(harness, 'bob')], { signal: stop.signal })
    await expect.poll(received).toBe(1)
    stop.abort()
    const [ann, bob] = await sending
    expect(ann).toMatchObject(uncertain('interrupted'))
    expect(bob).toMatchObject({ outcome: 'retry', reason: 'interrupted' })
    expect(bob).not.toHaveProperty('isUncertain')
  })

  test('goes on after an outage', async () => {
    let isDown = true
    const { sender } = await harness.start({ fault: () => (isDown ? 'drop' : undefined) })
    await sender.send([pushTo(harness, 'ann')], { signal: never })
    isDown = false
    expect(await results(sender as Sender, [pushTo(harness, 'bob')])).toEqual(['delivered'])
  })
})
