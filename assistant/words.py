"""English words that frame a question and tell nothing of its subject."""

# fmt: off
STOP_WORDS = frozenset(
    (
        "a", "about", "after", "against", "all", "also", "an", "and", "another", "any", "are",
        "as", "at", "be", "before", "between", "both", "but", "by", "can", "could", "did", "do",
        "does", "during", "each", "every", "far", "few", "first", "for", "from", "get", "gets",
        "got", "had", "has", "have", "he", "her", "here", "him", "his", "how", "i", "if", "in",
        "into", "is", "it", "its", "just", "like", "made", "make", "makes", "many", "me", "more",
        "most", "much", "must", "my", "new", "no", "nor", "not", "now", "of", "off", "on", "once",
        "one", "only", "or", "our", "out", "over", "own", "per", "same", "say", "says", "she",
        "should", "so", "some", "still", "such", "take", "takes", "taking", "than", "that", "the",
        "their", "them", "then", "there", "these", "they", "this", "those", "through", "to",
        "too", "two", "under", "until", "up", "use", "used", "uses", "using", "very", "was", "we",
        "were", "what", "when", "where", "which", "while", "who", "whose", "why", "will", "with",
        "without", "would", "you", "your", "yours",
    )
)
# fmt: on
