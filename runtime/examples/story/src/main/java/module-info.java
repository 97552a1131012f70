/** A program of someone else's. */
module org.example.story {
  requires org.graniteffm.runtime;
}
