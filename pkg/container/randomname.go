package container

import "strings"

// RandomName makes a name such as "quiet_otter" of two words. intn gives a number below n, as rand.IntN does. Whoever
// needs the name to be free tries again when it is taken.
func RandomName(intn func(n int) int) string {
	left, right := strings.Fields(nameAdjectives), strings.Fields(nameNouns)
	return left[intn(len(left))] + "_" + right[intn(len(right))]
}

const nameAdjectives = `agile amber ample bold brave breezy bright brisk calm candid cheery clear clever cosy crisp
curious dapper daring deft eager early easy fair fleet fond frank fresh gentle glad golden grand happy hardy hazel
honest humble jolly keen kind light lively loyal lucid lucky mellow merry mild modest nimble noble patient placid
plucky polite proud quick quiet rapid ready robust rosy serene sharp shiny silent silver simple smart snug solid
spry steady still sunny sure swift tidy trusty upbeat vivid warm wise witty zesty`

const nameNouns = `acorn alder aspen badger beacon beaver birch bison brook canyon cedar cliff clover comet coral
cove crane cricket delta dune eagle elk ember falcon fern finch fjord forest fox gannet geyser glacier grove gull
harbor hare hawk hazelnut heron hill ibis island jay juniper lagoon lake lantern lark linden lynx maple marten
meadow meteor mole moss newt oak orchid osprey otter owl pebble pelican pine plover pond poplar prairie puffin
quail raven reed ridge river robin rowan salmon seal sequoia shore sparrow spruce stork summit swan tern thistle
thrush tide trout valley vole walnut willow wren`
