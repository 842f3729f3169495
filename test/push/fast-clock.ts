/**
 * A module to load first (`--import`), in every thread: the clocks of the process run `SPEED` times as fast as those of the machine, from the
 * time `EPOCH` on, when both say the same.
 */
const [epoch, speed] = [Number(process.env.EPOCH), Number(process.env.SPEED)]
const { timeOrigin } = performance
const machine = performance.now.bind(performance)
const fast = () => epoch + speed * (timeOrigin + machine() - epoch)
performance.now = () => fast() - timeOrigin
Date.now = () => Math.round(fast())
