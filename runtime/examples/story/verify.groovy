// The prompt, and then a story.
def log = new File(basedir, 'build.log').getText('UTF-8')
assert log =~ /(?m)^Once upon a time.{40,}$/
