package org.graniteffm.runtime.chat.jinja;

/** Makes one text, on the budget. */
final class Builder {
  private final Budget budget;
  private final StringBuilder text = new StringBuilder();

  Builder(Budget budget) {
    this.budget = budget;
  }

  Builder append(String more) {
    if (more.length() > Budget.LONGEST - text.length()) {
      throw new TemplateException("makes a text of more than " + Budget.LONGEST + " characters");
    }
    budget.text(more.length());
    text.append(more);
    return this;
  }

  boolean isEmpty() {
    return text.isEmpty();
  }

  @Override
  public String toString() {
    return text.toString();
  }
}
