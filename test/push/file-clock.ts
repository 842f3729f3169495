/**
 * A module to load first (`--import`), in every thread: the clocks of the process stand still at `EPOCH` until the file `START` says since when they
 * run, by the machine's clock; from then on `SPEED` times as fast as it.
 */
import { readFileSync } from 'node:fs'

const [epoch, speed, file] = [Number(process.env.EPOCH), Number(process.env.SPEED), process.env.START!]
const { timeOrigin } = performance
const machine = performance.now.bind(performance)
let start: number | undefined

function fast(): number {
  start ??= startIn(file)
  return start === undefined ? epoch : epoch + speed * (timeOrigin + machine() - start)
}

function startIn(path: string): number | undefined {
  try {
    return Number(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}

performance.now = () => fast() - timeOrigin
Date.now = () => Math.round(fast())
