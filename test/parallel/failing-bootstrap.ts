throw new Error('no thread of this module starts')
