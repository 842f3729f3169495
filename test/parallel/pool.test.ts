import { getPriority } from 'node:os'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { arriveAt, barrierFor, waitAt } from '../../src/parallel/barrier.ts'
import { Pool, workerModuleUrl } from '../../src/parallel/pool.ts'

const pool = new Pool({ threads: 3 })
afterAll(() => pool.close())
const chunks = workerModuleUrl('./chunks', import.meta.url)
const failing = workerModuleUrl('../models/failing-jobs', import.meta.url)

test('a phase hands each chunk to exactly one worker', async () => {
  const owners = new Int32Array(new SharedArrayBuffer(400))
  const done = await pool.phase<number>(chunks, 'claim', { owners })
  expect(done).toHaveLength(3)
  expect(done.reduce((a, b) => a + b)).toBe(100)
  expect(new Set(owners)).toEqual(new Set([1]))
})

test('a failing job rejects with its own error after all workers have stopped', async () => {
  const running = new Int32Array(new SharedArrayBuffer(4))
  await expect(pool.phase(chunks, 'failFirst', { running })).rejects.toThrow('chunk 0 is bad')
  expect(Atomics.load(running, 0)).toBe(0)
})

test('a job for each worker runs exactly once on each, however busy they are', async () => {
  const idle = await pool.onEachWorker<number>(chunks, 'threadOf', {})
  expect(new Set(idle).size).toBe(3)
  for (let round = 0; round < 30; round++) {
    const other = Array.from({ length: 5 }, () => pool.run(chunks, 'threadOf', {}))
    const [first, second] = await Promise.all([
      pool.onEachWorker<number>(chunks, 'threadOf', {}),
      pool.onEachWorker<number>(chunks, 'threadOf', {}),
    ])
    expect([first.sort(), second.sort()]).toEqual([idle.sort(), idle.sort()])
    await Promise.all(other)
  }
})

test('a job for each worker waits for the one that takes the place of a worker that died', async () => {
  const two = new Pool({ threads: 2 })
  onTestFinished(() => two.close())
  const dying = two.run(failing, 'exit', {})
  const threads = two.onEachWorker<number>(chunks, 'threadOf', {})
  await expect(dying).rejects.toThrow('exit')
  expect(new Set(await threads).size).toBe(2)
})

test('a participant is counted once at a barrier, however often it arrives', () => {
  const [first, second] = barrierFor(2)
  arriveAt(first!)
  arriveAt(first!)
  expect(() => waitAt(first!, 20)).toThrow('2 workers must be ready, but 1 are after 0.02 s')
  // It is broken for all.
  expect(() => waitAt(second!)).toThrow('2 workers must be ready at once, but were not in time')
})

test('a barrier lets all go on when the last arrives', () => {
  const [first, second] = barrierFor(2)
  arriveAt(first!)
  waitAt(second!, 0)
  waitAt(first!, 0)
})

test('closing a pool waits for its jobs, and further ones are refused', async () => {
  const two = new Pool({ threads: 2 })
  const running = new Int32Array(new SharedArrayBuffer(4))
  const jobs = [two.run(chunks, 'wait', running), two.run(chunks, 'threadOf', {})]
  const onEach = two.onEachWorker(chunks, 'threadOf', {})
  const closed = two.close()
  await expect(two.run(chunks, 'threadOf', {})).rejects.toThrow('the pool is closed')
  await expect(two.onEachWorker(chunks, 'threadOf', {})).rejects.toThrow('the pool is closed')
  await closed
  expect([...(await Promise.all(jobs)), ...(await onEach)]).toHaveLength(4)
  expect(two.close()).toBe(closed)
})

test('lazy workers start with the first job, and one that ends is replaced for the jobs that wait', async () => {
  const unused = new Pool({ threads: 1, isLazy: true })
  await unused.close()
  const lazy = new Pool({ threads: 1, isLazy: true })
  onTestFinished(() => lazy.close())
  const dying = lazy.run(failing, 'exit', {})
  const waiting = [lazy.run(chunks, 'threadOf', {}), lazy.onEachWorker(chunks, 'threadOf', {})]
  await expect(dying).rejects.toThrow('exit')
  const [thread, threads] = await Promise.all(waiting)
  expect([thread]).toEqual(threads)
})

test('an aborted job rejects with the reason at once, and its worker goes on', async () => {
  const one = new Pool({ threads: 1 })
  const [thread] = await one.onEachWorker<number>(chunks, 'threadOf', {})
  const reason = new Error('too late')
  const running = new Int32Array(new SharedArrayBuffer(4))
  const controller = new AbortController()
  const job = one.run(chunks, 'wait', running, controller.signal)
  const waiting = one.run(chunks, 'threadOf', {}, controller.signal)
  while (Atomics.load(running, 0) === 0) await new Promise(resolve => setImmediate(resolve))
  controller.abort(reason)
  await expect(job).rejects.toBe(reason)
  await expect(waiting).rejects.toBe(reason)
  expect(Atomics.load(running, 0)).toBe(1)
  await expect(one.run(chunks, 'threadOf', {}, controller.signal)).rejects.toBe(reason)
  expect(await one.onEachWorker(chunks, 'threadOf', {})).toEqual([thread])
  await one.close()
})

test('a number of threads that cannot be is refused', () => {
  expect(() => new Pool({ threads: 0 })).toThrow('threads must be a whole number from 1 to 1024, got 0')
})

test.skipIf(process.platform !== 'linux')('threads of low priority leave that of others as it is', async () => {
  const low = new Pool({ threads: 2, niceness: 7 })
  expect(await low.onEachWorker<number>(chunks, 'niceness', {})).toEqual([7, 7])
  // That of the whole process, which may run under nice.
  expect(await pool.onEachWorker<number>(chunks, 'niceness', {})).toEqual(Array(3).fill(getPriority()))
  await low.close()
})

const lossy = workerModuleUrl('./failing-jobs', import.meta.url)

test('an error keeps its name, message, code and stack on its way from a worker', async () => {
  const refused = await pool.run<Error>(lossy, 'refuse', {}).catch(error => error)
  expect(refused).toBeInstanceOf(Error)
  expect(refused.name).toBe('ZodError')
  expect(refused.message).toContain('expected number, received string')
  await expect(pool.run(lossy, 'failWithCode', {})).rejects.toMatchObject({
    name: 'CodedError',
    message: 'expected at most 3, got 4',
    code: 'too_many',
    stack: expect.stringContaining('failing-jobs'),
  })
  await expect(pool.run(lossy, 'failAsSystem', {})).rejects.toMatchObject({
    name: 'TypeError',
    code: 'ERR_WORKER_UNSUPPORTED_OPERATION',
  })
  await expect(pool.run(lossy, 'throwText', {})).rejects.toThrow('no error at all')
  const typeError = await pool.run<Error>(lossy, 'throwType', {}).catch(error => error)
  expect(typeError).toBeInstanceOf(TypeError)
  expect(typeError.message).toBe('expected a number')
})

test('a result or an argument that cannot be sent is refused in words, and the workers go on', async () => {
  const two = new Pool({ threads: 2 })
  onTestFinished(() => two.close())
  await expect(two.run(lossy, 'unsendable', {})).rejects.toMatchObject({
    name: 'DataCloneError',
    message: 'the result cannot be sent from its worker: () => 1 could not be cloned.',
  })
  await expect(two.run(chunks, 'threadOf', { f: () => 2 })).rejects.toThrow(
    `the job threadOf of ${chunks} cannot be sent to a worker: () => 2 could not be cloned.`,
  )
  expect(new Set(await two.onEachWorker<number>(chunks, 'threadOf', {})).size).toBe(2)
})

test('a job whose worker ends is rejected with its name', async () => {
  await expect(pool.run(failing, 'exit', {})).rejects.toThrow(
    `the job exit of ${failing} failed, as its worker ended: worker exited with code: 1`,
  )
})

test('a niceness that cannot be is refused', () => {
  for (const niceness of [-1, 20, 1.5, Number.NaN]) {
    expect(() => new Pool({ niceness })).toThrow(`niceness must be a whole number from 0 to 19, got ${niceness}`)
  }
})
