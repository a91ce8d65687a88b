/// Words of keys. The lists are our own.
enum TaskWords {
    /// The sentences that RULER repeats.
    static let noise =
        "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again."

    static let adjectives = words(
        """
        able amber ancient awake bitter blunt bold brave brief bright brisk broad calm careful cheap clean clear clever \
        cold common cool crisp curious damp dark dear deep dense dim dry dull eager early easy empty equal exact faint \
        fair famous fancy fierce final fine firm flat fond frail free fresh full gentle glad golden grand great green \
        grim happy hard harsh hasty heavy hidden hollow honest humble hungry idle keen kind large late lazy lean light \
        little lively lonely long loose loud loyal lucky mellow merry mild modest narrow neat new noble noisy odd old \
        open pale patient plain polite proud pure quaint quick quiet rapid rare raw ready rich ripe rough round royal \
        safe salty scarce shallow sharp shiny short shy silent silver simple sleepy slim slow small smooth soft solid \
        sour steady steep stern still strange strict strong sturdy subtle sudden sunny sweet swift tall tame tender \
        thick thin tidy tiny tired tough useful vague vast velvet vivid warm wary weak wild wise young
        """)

    static let nouns = words(
        """
        acorn anchor apple apron arrow attic badge bakery ball bamboo banner barrel basin basket beacon bell bench \
        berry blanket boat book bottle bridge brook brush bucket button cabin candle canyon carpet castle cave cedar \
        chain chair cherry circle clock cloud clover coast comet compass copper corner cottage cradle cricket crown \
        curtain daisy desert diary dragon drum eagle echo engine falcon farm feather fence fiddle field flag flame \
        flute forest fountain fox garden garlic gate ginger glacier glove goat grape guitar hammer harbor hazel hedge \
        helmet heron hill honey horn island ivory jacket jar jewel journal kettle key kitchen kite ladder lake lamp \
        lantern lemon letter library lily lizard magnet maple market meadow melon mill mirror moon mountain museum \
        needle nest oak oar ocean olive onion orchard otter owl paddle palace panda paper parrot path pearl pebble \
        pencil pepper piano pillow pine pirate planet plum pocket pond potter prairie prism pumpkin puzzle quarry \
        quilt rabbit radish raven ribbon river robin rocket roof rope saddle sail salmon sandal shell shelf ship \
        shore shovel signal sparrow spoon spring squirrel stable star station stone storm stove summit swan table \
        teapot temple thread thunder ticket tiger tower trail train tulip tunnel turtle valley village violin wagon \
        wall walnut water whale wheat wheel willow window winter wolf yarn
        """)

    private static func words(_ text: String) -> [String] { text.split(separator: " ").map(String.init) }
}
